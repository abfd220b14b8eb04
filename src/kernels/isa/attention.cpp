// Attention of one head, forward and backward, without a matrix of all its scores.
//
//   S = scale Q K^T (+ bias),   P = softmax(S) row by row,   O = P V
//
// S and P have tq x tk numbers, Q, K, V and O only tq x d: with 4096 tokens S and P take 64 MiB for
// each head, and moving them to memory and back takes as long as computing them. So no more of them
// exists at a time than a tile that stays in the L2 cache (FlashAttention: Dao et al. 2022, Dao
// 2023):
//
//                       key_block = 256
//                         |<---->|
//                         +------+------+------+------+
//                         | K^T  |      |      |      |   packed: the register tile of a matrix
//                         +------+------+------+------+   product (gemm_tile.h) reads them forwards
//                  +---+  +------+------+------+------+
//                  |   |  | done  | done | now  | not seen: skipped when causal
//    query_block   | Q |  |      |      | tile |\     |
//       = 256      |   |  |      |      | of S | \    |        O += e^(S - m) V, then the next
//                  +---+  +------+------+------+--\---+        tile to the right
//                  |   |  |      |      |      |   \  |
//
// Forward. A softmax needs the maximum m of its row and the sum l of the exponentials, and both are
// known only at the right end. But they can be kept up to date ("online"): when a tile raises the
// maximum from m to m', all that was summed up relative to m is e^(m - m') times too large, so
//   l  <-  l e^(m - m') + sum_j e^(s_j - m'),     O  <-  O e^(m - m') + sum_j e^(s_j - m') v_j,
// and at the right end O / l is the result. For the backward pass m and 1 / l are kept, two numbers
// for each query. (FlashAttention adds them up to m + log l; apart they keep all their digits.)
//
// Backward. With P_ij = e^(s_ij - m_i) / l_i, computed again tile by tile:
//   dV = P^T dO,   dP = dO V^T,   dS = P (dP - D) with D_i = sum_j P_ij dP_ij,
//   dQ = scale dS K,   dK = scale dS^T Q,   dbias = dS.
// D needs a whole row again; but sum_j P_ij sum_c dO_ic V_jc = sum_c dO_ic O_ic, and that is known
// before the first tile. Here the blocks of keys are the outer loop: dK and dV of a block stay in
// the cache while the queries pass by, and dQ is added up in memory, block after block.
//
// With few keys there is one block of keys, a tile is whole rows of P, and it is quicker to keep
// them than to compute them again: that is attention with materialised probabilities
// (plan.keep). It differs in two lines below.
//
// Below the diagonal. Query i of a causal head sees the keys up to i + causal_offset. A product
// whose result or factor has zeros beyond that leaves them out, for each group of rows that the
// register tile takes at a time (struct Staircase in attention_tile.h); this halves the work at any
// length.
#include "kernels/attention.h"

#include "kernels/isa/attention_tile.h"
#include "kernels/isa/vec_math.h"
#include "kernels/tables.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// ---- a row of a tile ---------------------------------------------------------------------------

template <class T>
void fill_zero(T* x, int64_t from, int64_t to) {
  for (int64_t j = from; j < to; j += width<T>) store_next(x + j, Vec<T>{}, to - j);
}

template <class T>
void fill_zero(RowMajor<T> x, int64_t from, int64_t to, int64_t n) {
  for (int64_t i = from; i < to; ++i) fill_zero(x.row(i), 0, n);
}

template <class T>
void multiply_row(T* x, int64_t n, T factor) {
  map(
      x, n, [=](Vec<T> v) { return v * factor; }, each(x));
}

// A tile: queries i0, ... and keys j0, ... of a head.
template <class T>
struct TileOfHead {
  const AttentionHead<T>& head;
  int64_t i0, j0;
  Staircase stairs;

  TileOfHead(const AttentionHead<T>& h, int64_t i, int64_t queries, int64_t j, int64_t keys)
      : head(h), i0(i), j0(j), stairs{i + h.causal_offset + 1 - j, queries, 0} {
    stairs.keys = clamp(queries - 1 + stairs.shift, 0, keys);  // that anybody sees
  }
  // The largest product is the largest score unless scale turns them round or a bias is added; then
  // the products are scaled first, and otherwise by the softmax.
  bool scaled_first() const { return head.bias.data != nullptr || !(head.scale > T(0)); }
  T remaining_factor() const { return scaled_first() ? T(1) : head.scale; }

  // What is to be done to the products q . k of query r, in place, before the softmax.
  void prepare(T* s, int64_t r) const {
    if (head.mask.data == nullptr && !scaled_first()) return;
    const bool* mask = head.mask.data ? head.mask.row(i0 + r) + j0 : nullptr;
    const T* bias = head.bias.data ? head.bias.row(i0 + r) + j0 : nullptr;
    const Vec<T> hidden = broadcast(-Constants<T>::infinity);
    for (int64_t j = 0, n = stairs.seen_by(r); j < n; j += width<T>) {
      Vec<T> score = load_next(s + j, n - j);
      if (scaled_first()) score = head.scale * score;
      if (bias) score = score + load_next(bias + j, n - j);
      if (mask) score = select(load_mask<T>(mask + j, n - j), score, hidden);
      store_next(s + j, score, n - j);
    }
  }
};

// e^(factor (s - maximum)): exactly 1 at the maximum, however the product is rounded.
template <class T>
Vec<T> exponential(Vec<T> s, T maximum, T factor) {
  return exp<T>(factor * (s - maximum));
}

// The online softmax. On entry s has a row of q . k and o what was summed up so far, relative to
// `maximum`; on return s has e^(factor (s - maximum)) and zeros where nothing is seen, and
// `maximum`, `sum` and o know of it. A maximum of -inf means that nothing was seen yet.
template <class T>
void softmax_step(const TileOfHead<T>& tile, int64_t r, T* s, T* o, T& maximum_so_far,
                  T& sum_so_far) {
  const int64_t n = tile.stairs.seen_by(r);
  if (n > 0) {
    tile.prepare(s, r);
    const T factor = tile.remaining_factor();
    const T before = maximum_so_far, here = maximum<T>(n, each(s)),
            now = here > before ? here : before;
    const T subtracted = now == -Constants<T>::infinity ? T(0) : now;  // so that -inf - it is -inf
    const auto exponentiate = [=](int64_t j, int64_t left) {
      const Vec<T> e = exponential(load_next(s + j, left), subtracted, factor);
      store_next(s + j, e, left);
      return e;
    };
    const T total = sum<T>(n, exponentiate);
    if (now > before && tile.j0 > 0) {
      const T shrink = exponential(broadcast(before), now, factor)[0];
      multiply_row(o, tile.head.dv, shrink);
      sum_so_far *= shrink;
    }
    sum_so_far += total;
    maximum_so_far = now;
  }
  fill_zero(s, n, tile.stairs.keys);
}

// dS = P (dP - D) in the place of dP, times scale; P in the place of q . k, unless it was kept.
// Where P is 0, nothing that dP holds has an influence.
template <class T>
void softmax_backward_step(const TileOfHead<T>& tile, int64_t r, T* p, bool kept, T* dp, T maximum,
                           T inverse_sum, T d, T* d_bias) {
  const int64_t n = tile.stairs.seen_by(r);
  if (!kept) {
    tile.prepare(p, r);
    const T factor = tile.remaining_factor();
    const auto to_probability = [=](Vec<T> s) {
      return exponential(s, maximum, factor) * inverse_sum;
    };
    map(p, n, to_probability, each(p));
  }
  for (int64_t j = 0; j < n; j += width<T>) {
    const Vec<T> probability = load_next(p + j, n - j);
    const Vec<T> difference = load_next(dp + j, n - j) - d;
    const Vec<T> ds = select(probability == T(0), Vec<T>{}, probability * difference);
    if (d_bias) store_next(d_bias + j, ds, n - j);
    store_next(dp + j, tile.head.scale * ds, n - j);
  }
  if (!kept) fill_zero(p, n, tile.stairs.keys);
  fill_zero(dp, n, tile.stairs.keys);
}

// d_i = sum_c x_ic y_ic of `rows` rows; whole vectors of d are written. The sum has the order of a
// matrix product's, c = 0, 1, ...: a query that sees a single key, with O = V, then has D equal to
// dP to the bit, and a gradient of exactly 0. So W rows are turned round, to have their numbers of
// one c in one vector.
template <class T>
void row_dots(T* d, RowMajor<const T> x, RowMajor<const T> y, int64_t rows, int64_t n) {
  constexpr int W = width<T>;
  for (int64_t i = 0; i < rows; i += W) {
    Vec<T> total{};
    for (int64_t c = 0; c < n; c += W) {
      Vec<T> a[W], b[W];
#pragma GCC unroll 16
      for (int r = 0; r < W; ++r) {
        const bool inside = i + r < rows;
        a[r] = inside ? load_next(x.row(i + r) + c, n - c) : Vec<T>{};
        b[r] = inside ? load_next(y.row(i + r) + c, n - c) : Vec<T>{};
      }
      transpose(a);
      transpose(b);
#pragma GCC unroll 16
      for (int k = 0; k < W; ++k) multiply_accumulate(total, a[k], b[k]);
    }
    store(d + i, total);
  }
}

// ---- forward -----------------------------------------------------------------------------------

// Tiles in scratch memory have rows that begin in different sets of the L1 cache: with a stride of
// a power of two, the rows of one column would push each other out.
template <class T>
int64_t tile_stride(const AttentionPlan& plan) {
  return round_up(plan.key_block, width<T>) + width<T>;
}

// What is where in the scratch memory.
struct ForwardRoom {
  int64_t k, v, s, end;
};
template <class T>
ForwardRoom forward_layout(const AttentionHead<T>& h, const AttentionPlan& plan) {
  ForwardRoom at{};
  at.v = at.k + round_up(Panels<T>::room(h.d, plan.key_block), width<T>);
  at.s = at.v + Panels<T>::room(plan.key_block, h.dv);
  at.end = at.s + (plan.keep ? 0 : plan.query_block * tile_stride<T>(plan));
  return at;
}
template <class T>
int64_t forward_room(const AttentionHead<T>& h, const AttentionPlan& plan) {
  return forward_layout(h, plan).end;
}

template <class T>
void forward(const AttentionForward<T>& a, const AttentionPlan& plan, int64_t part, T* scratch) {
  const AttentionHead<T>& h = a.head;
  const ForwardRoom at = forward_layout(h, plan);
  const bool one_block = h.tk <= plan.key_block;
  Panels<T> k{}, v{};
  for (int64_t i0 = part * plan.query_block; i0 < h.tq; i0 += plan.parts * plan.query_block) {
    const int64_t queries = min(plan.query_block, h.tq - i0);
    for (int64_t i = i0; i < i0 + queries; ++i) {
      a.maximum[i] = -Constants<T>::infinity;
      a.inverse_sum[i] = T(0);  // the sum, while it grows
      if (h.tk == 0 || i + h.causal_offset < 0) fill_zero(a.o.row(i), 0, h.dv);
    }
    const RowMajor<T> s = plan.keep ? RowMajor<T>{a.kept + i0 * h.tk, h.tk}
                                    : RowMajor<T>{scratch + at.s, tile_stride<T>(plan)};
    for (int64_t j0 = 0; j0 < h.tk; j0 += plan.key_block) {
      const int64_t keys = min(plan.key_block, h.tk - j0);
      const TileOfHead<T> tile(h, i0, queries, j0, keys);
      if (tile.stairs.keys == 0) break;
      if (!one_block || k.data == nullptr) {
        k = pack(scratch + at.k, h.k.row(j0), 1, h.k.stride, h.d, keys);
        v = pack(scratch + at.v, {h.v.row(j0), h.v.stride}, keys, h.dv, h.tq);
      }
      const RowMajor<T> o{a.o.row(i0), a.o.stride};
      multiply(s, {h.q.row(i0), h.q.stride}, queries, k, false, tile.stairs.scores(h.d));
      for (int64_t r = 0; r < queries; ++r)
        softmax_step(tile, r, s.row(r), o.row(r), a.maximum[i0 + r], a.inverse_sum[i0 + r]);
      multiply(o, {s.data, s.stride}, queries, v, j0 > 0, tile.stairs.over_keys(h.dv));
      if (!plan.keep) continue;
      // Kept probabilities are whole: there is one block of keys.
      for (int64_t r = 0; r < queries; ++r) {
        const T sum = a.inverse_sum[i0 + r];
        multiply_row(s.row(r), tile.stairs.keys, sum == T(0) ? T(0) : T(1) / sum);
      }
    }
    for (int64_t i = i0; i < i0 + queries; ++i) {
      const T sum = a.inverse_sum[i];
      if (a.maximum[i] == -Constants<T>::infinity) a.maximum[i] = T(0);
      a.inverse_sum[i] = sum == T(0) ? T(0) : T(1) / sum;
      multiply_row(a.o.row(i), h.dv, a.inverse_sum[i]);
    }
  }
}

// ---- backward ----------------------------------------------------------------------------------

struct BackwardRoom {
  int64_t k_transposed, v_transposed, k, q, d_o, p, dp, d, end;
};
template <class T>
BackwardRoom backward_layout(const AttentionHead<T>& h, const AttentionPlan& plan) {
  const auto room = [](int64_t k, int64_t n) { return round_up(Panels<T>::room(k, n), width<T>); };
  const int64_t tile = plan.backward_query_block * tile_stride<T>(plan);
  BackwardRoom at{};
  at.v_transposed = at.k_transposed + room(h.d, plan.key_block);
  at.k = at.v_transposed + room(h.dv, plan.key_block);
  at.q = at.k + room(plan.key_block, h.d);
  at.d_o = at.q + room(plan.backward_query_block, h.d);
  at.p = at.d_o + room(plan.backward_query_block, h.dv);
  at.dp = at.p + (plan.keep ? 0 : tile);
  at.d = at.dp + tile;
  at.end = at.d + round_up(h.tq, width<T>);
  return at;
}
template <class T>
int64_t backward_room(const AttentionHead<T>& h, const AttentionPlan& plan) {
  return backward_layout(h, plan).end;
}

template <class T>
void backward(const AttentionBackward<T>& a, const AttentionPlan& plan, int64_t part, T* scratch) {
  const AttentionHead<T>& h = a.head;
  const BackwardRoom at = backward_layout(h, plan);
  T* const d = scratch + at.d;
  row_dots(d, a.o, a.d_o, h.tq, h.dv);
  const int64_t first_key = part * plan.key_block;
  if (first_key >= h.tk) fill_zero(a.dq, 0, h.tq, h.d);

  for (int64_t j0 = first_key; j0 < h.tk; j0 += plan.parts * plan.key_block) {
    const int64_t keys = min(plan.key_block, h.tk - j0);
    const RowMajor<T> dk{a.dk.row(j0), a.dk.stride}, dv{a.dv.row(j0), a.dv.stride};
    const Panels<T> v_t = pack(scratch + at.v_transposed, h.v.row(j0), 1, h.v.stride, h.dv, keys);
    const Panels<T> k = pack(scratch + at.k, {h.k.row(j0), h.k.stride}, keys, h.d, h.tq);
    Panels<T> k_t{};
    if (!plan.keep) k_t = pack(scratch + at.k_transposed, h.k.row(j0), 1, h.k.stride, h.d, keys);

    // What comes first is written, the rest added.
    const bool dq_begins = j0 == first_key;
    bool dk_begins = !a.accumulate;
    for (int64_t i0 = 0; i0 < h.tq; i0 += plan.backward_query_block) {
      const int64_t queries = min(plan.backward_query_block, h.tq - i0);
      const TileOfHead<T> tile(h, i0, queries, j0, keys);
      const int64_t seen = tile.stairs.keys;
      const RowMajor<T> dq{a.dq.row(i0), a.dq.stride};
      if (seen == 0) {
        if (dq_begins) fill_zero(dq, 0, queries, h.d);
        continue;
      }
      const T *q_i = h.q.row(i0), *d_o_i = a.d_o.row(i0);
      const Panels<T> q = pack(scratch + at.q, {q_i, h.q.stride}, queries, h.d, keys);
      const Panels<T> d_o = pack(scratch + at.d_o, {d_o_i, a.d_o.stride}, queries, h.dv, keys);
      const RowMajor<T> dp{scratch + at.dp, tile_stride<T>(plan)};
      // Only read if it was kept.
      const RowMajor<T> p = plan.keep ? RowMajor<T>{const_cast<T*>(a.kept) + i0 * h.tk, h.tk}
                                      : RowMajor<T>{scratch + at.p, dp.stride};

      if (!plan.keep) multiply(p, {q_i, h.q.stride}, queries, k_t, false, tile.stairs.scores(h.d));
      multiply(dp, {d_o_i, a.d_o.stride}, queries, v_t, false, tile.stairs.scores(h.dv));
      for (int64_t r = 0; r < queries; ++r)
        softmax_backward_step(tile, r, p.row(r), plan.keep, dp.row(r), a.maximum[i0 + r],
                              a.inverse_sum[i0 + r], d[i0 + r],
                              a.d_bias.data ? a.d_bias.row(i0 + r) + j0 : nullptr);
      multiply_transposed(dv, {p.data, p.stride}, seen, d_o, !dk_begins,
                          tile.stairs.over_queries(h.dv));
      multiply_transposed(dk, {dp.data, dp.stride}, seen, q, !dk_begins,
                          tile.stairs.over_queries(h.d));
      multiply(dq, {dp.data, dp.stride}, queries, k, !dq_begins, tile.stairs.over_keys(h.d));
      if (dk_begins) {
        fill_zero(dk, seen, keys, h.d);
        fill_zero(dv, seen, keys, h.dv);
        dk_begins = false;
      }
    }
    if (dk_begins) {
      fill_zero(dk, 0, keys, h.d);
      fill_zero(dv, 0, keys, h.dv);
    }
  }
}

template <class T>
constexpr AttentionKernel<T> make_kernel() {
  return {.forward_room = forward_room<T>,
          .forward = forward<T>,
          .backward_room = backward_room<T>,
          .backward = backward<T>};
}

}  // namespace

constinit const Family<AttentionKernel> attention_table = {make_kernel<float>(),
                                                           make_kernel<double>()};

}  // namespace gradus::kernels::GRADUS_ISA
