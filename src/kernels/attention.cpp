// Attention, the outer half: which way to go, tiles of which size, memory to work in. The
// arithmetic is in isa/attention.cpp; read that first.
#include "kernels/attention.h"

#include <algorithm>
#include <utility>

#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace gradus::kernels {
namespace {

AttentionTuning tuning;

// Tiles of scores, and the packed parts of Q, K, V and dO beside them, fill half of an L2 cache of
// 1 MiB in float32. With several blocks of keys, the forward pass packs each of them anew for every
// block of queries and wants few of those; the backward pass works on two tiles at a time, and does
// not pack for queries.
constexpr int64_t key_block = 256, query_block = 128;
constexpr int64_t query_block_forward = 256, query_block_backward = 64;
// Measured: up to so many keys it is quicker to keep the probabilities than to compute them again.
constexpr int64_t most_kept_keys = key_block;
// With fewer heads than this, each is divided into parts.
constexpr int64_t least_items = 8;

}  // namespace

ScopedAttentionTuning::ScopedAttentionTuning(const AttentionTuning& t)
    : previous_(std::exchange(tuning, t)) {}
ScopedAttentionTuning::~ScopedAttentionTuning() { tuning = previous_; }

AttentionPlan attention_plan(int64_t heads, int64_t tq, int64_t tk, bool backward) {
  using Way = AttentionTuning::Way;
  const auto choose = [](int64_t tuned, int64_t ours) { return tuned > 0 ? tuned : ours; };
  AttentionPlan plan{.keep = backward && tk <= most_kept_keys,
                     .query_block = 0,
                     .backward_query_block = 0,
                     .key_block = choose(tuning.key_block, key_block),
                     .parts = 1};
  if (tuning.way == Way::tiled) plan.keep = false;
  if (tuning.way == Way::materialised) {
    plan.keep = backward;
    plan.key_block = std::max<int64_t>(1, tk);
  }
  plan.keep = plan.keep && tk <= plan.key_block;
  // A tile is cut to the size of the problem, and a part has at least a block.
  const auto queries = [&](int64_t of_many_keys) {
    const int64_t ours = tk > plan.key_block ? of_many_keys : query_block;
    return std::clamp<int64_t>(tq, 1, choose(tuning.query_block, ours));
  };
  plan.query_block = queries(query_block_forward);
  plan.backward_query_block = queries(query_block_backward);
  plan.key_block = std::clamp<int64_t>(tk, 1, plan.key_block);
  const int64_t wanted =
      choose(tuning.parts, chunk_count(least_items, std::max<int64_t>(1, heads)));
  plan.parts =
      std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, chunk_count(tk, plan.key_block)));
  return plan;
}

template <class T>
void attention_forward(const AttentionForward<T>& args, const AttentionPlan& plan, int64_t part) {
  thread_local Scratch scratch;
  const AttentionKernel<T>& kernel = attention_kernel<T>();
  kernel.forward(args, plan, part, scratch.room_for<T>(kernel.forward_room(args.head, plan)));
}

template <class T>
void attention_backward(const AttentionBackward<T>& args, const AttentionPlan& plan, int64_t part) {
  thread_local Scratch scratch;
  const AttentionKernel<T>& kernel = attention_kernel<T>();
  kernel.backward(args, plan, part, scratch.room_for<T>(kernel.backward_room(args.head, plan)));
}

template void attention_forward(const AttentionForward<float>&, const AttentionPlan&, int64_t);
template void attention_forward(const AttentionForward<double>&, const AttentionPlan&, int64_t);
template void attention_backward(const AttentionBackward<float>&, const AttentionPlan&, int64_t);
template void attention_backward(const AttentionBackward<double>&, const AttentionPlan&, int64_t);

}  // namespace gradus::kernels
