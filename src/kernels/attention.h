// Attention of one head: the face of the kernel, and the seam between its two halves. attention.cpp
// chooses tiles and lends memory, isa/attention.cpp does the arithmetic and explains it.
#pragma once

#include <cstdint>

namespace gradus::kernels {

// Rows of adjacent numbers: row i begins at data + i * stride. Null data: there is no such matrix.
template <class P>
struct RowMajor {
  P* data = nullptr;
  int64_t stride = 0;
  P* row(int64_t i) const { return data + i * stride; }
};

// What a head attends with: q (tq, d), k (tk, d), v (tk, dv).
template <class T>
struct AttentionHead {
  int64_t tq, tk, d, dv;
  RowMajor<const T> q, k, v;
  T scale;                // score_ij = scale q_i . k_j + bias_ij
  int64_t causal_offset;  // query i sees key j only if j <= i + causal_offset; tk: all of them
  RowMajor<const bool> mask = {};  // (tq, tk), true where a query may look; null: everywhere
  RowMajor<const T> bias = {};     // (tq, tk); null: none
};

// How a head is walked through.
//
// The sums over keys are made in blocks of key_block, counted from key 0: the forward pass of a
// query then has the same bits alone as among others, with few keys after it or many. And as
// key_block is one constant, the choice between the two ways changes no bit of the result.
struct AttentionPlan {
  bool keep;  // materialised: the probabilities are kept for backward; needs one key block
  int64_t query_block;           // rows of a tile of scores
  int64_t backward_query_block;  // the same in the backward pass
  int64_t key_block;             // columns of a tile of scores
  int64_t parts;                 // into how many parts a head is divided among threads
};

// What overrides the choice (tests, benchmarks); 0 means "choose".
struct AttentionTuning {
  enum class Way { choose, materialised, tiled } way = Way::choose;
  int64_t query_block = 0, key_block = 0;
  int64_t parts = 0;
};
class ScopedAttentionTuning {
 public:
  explicit ScopedAttentionTuning(const AttentionTuning& tuning);
  ~ScopedAttentionTuning();
  ScopedAttentionTuning(const ScopedAttentionTuning&) = delete;
  ScopedAttentionTuning& operator=(const ScopedAttentionTuning&) = delete;

 private:
  AttentionTuning previous_;
};

// The plan for so many heads of one shape. It depends on the shape alone, not on the threads; but
// without a backward pass to come there is nothing to keep.
AttentionPlan attention_plan(int64_t heads, int64_t tq, int64_t tk, bool backward);

// o = softmax(scores) v, (tq, dv). For backward, each row's statistics, (tq) each: the maximum of
// its scores, and 1 / the sum of their exponentials relative to it. A row that sees nothing has
// zeros everywhere.
template <class T>
struct AttentionForward {
  AttentionHead<T> head;
  RowMajor<T> o;
  T *maximum, *inverse_sum;
  T* kept;  // the probabilities, (tq, tk) dense, if plan.keep
};
template <class T>
struct AttentionBackward {
  AttentionHead<T> head;
  RowMajor<const T> o, d_o;
  const T *maximum, *inverse_sum, *kept;
  RowMajor<T> dq;      // written; each part has its own, and their sum is the gradient
  RowMajor<T> dk, dv;  // each part writes its own blocks of keys
  bool accumulate;     // whether dk and dv are added to: other heads share them
  RowMajor<T> d_bias;  // (tq, tk): written where a query sees a key, if not null
};

// Both are serial and do one part of plan.parts.
template <class T>
void attention_forward(const AttentionForward<T>& args, const AttentionPlan& plan, int64_t part);
template <class T>
void attention_backward(const AttentionBackward<T>& args, const AttentionPlan& plan, int64_t part);

// ---- the seam ----------------------------------------------------------------------------------

template <class T>
struct AttentionKernel {
  // `scratch` has so much room.
  int64_t (*forward_room)(const AttentionHead<T>& head, const AttentionPlan& plan);
  void (*forward)(const AttentionForward<T>& args, const AttentionPlan& plan, int64_t part,
                  T* scratch);
  int64_t (*backward_room)(const AttentionHead<T>& head, const AttentionPlan& plan);
  void (*backward)(const AttentionBackward<T>& args, const AttentionPlan& plan, int64_t part,
                   T* scratch);
};

// The kernel of the active ISA.
template <class T>
const AttentionKernel<T>& attention_kernel();

}  // namespace gradus::kernels
