// How several arrays of one shape, each with strides of its own, are walked together.
#pragma once

#include <array>
#include <cstdint>

#include "gradus/shape.h"
#include "kernels/parallel.h"

namespace gradus {

// Plans the walk over N operands of one shape. Axes of size 1 are dropped and neighbouring axes
// that all operands could walk as one are merged, so that most walks end as a single row:
//
//     shape [2, 3, 4], strides a [12, 4, 1], b [12, 4, 1]  ->  one row of 24
//     shape [2, 3, 4], strides a [12, 4, 1], b [ 0, 0, 1]  ->  6 rows of 4 (b is a bias)
template <size_t N>
class StridedLoop {
 public:
  using Offsets = std::array<int64_t, N>;

  StridedLoop(const Shape& shape, const std::array<Strides, N>& strides) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] == 1) continue;
      Axis next{shape[axis], {}};
      for (size_t i = 0; i < N; ++i) next.stride[i] = strides[i][axis];
      if (rank_ > 0 && last().continues_as(next)) {
        last().size *= next.size;
        last().stride = next.stride;
      } else {
        axes_[rank_++] = next;
      }
    }
    if (rank_ == 0) axes_[rank_++] = Axis{1, {}};
    for (size_t axis = 0; axis + 1 < rank_; ++axis) rows_ *= axes_[axis].size;
  }

  // The innermost axis: its length, and each operand's stride along it.
  int64_t row_length() const { return axes_[rank_ - 1].size; }
  const Offsets& row_stride() const { return axes_[rank_ - 1].stride; }

  // Calls f(offsets, n) for runs of n elements along the innermost axis that together cover
  // everything; offsets[i] is where operand i's run begins. Long rows are cut, short ones are dealt
  // out, in parallel.
  template <class F>
  void for_each_run(F f) const {
    constexpr int64_t worth = 1 << 15;  // elements: some 20 us of elementwise work
    const int64_t n = row_length();
    if (n == 0) return;
    if (rows_ == 1) {
      kernels::parallel_for(n, kernels::grain_for(worth), [&](int64_t begin, int64_t end) {
        Offsets offsets;
        for (size_t i = 0; i < N; ++i) offsets[i] = begin * row_stride()[i];
        f(offsets, end - begin);
      });
    } else {
      kernels::parallel_for(rows_, kernels::grain_for(worth, n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) f(row_offsets(row), n);
      });
    }
  }

 private:
  struct Axis {
    int64_t size = 1;
    Offsets stride{};
    // One step along this axis equals `inner.size` steps along the inner one, for every operand.
    bool continues_as(const Axis& inner) const {
      for (size_t i = 0; i < N; ++i)
        if (stride[i] != inner.stride[i] * inner.size) return false;
      return true;
    }
  };
  Axis& last() { return axes_[rank_ - 1]; }

  Offsets row_offsets(int64_t row) const {
    Offsets offsets{};
    for (size_t axis = rank_ - 1; axis-- > 0;) {
      const int64_t index = row % axes_[axis].size;
      row /= axes_[axis].size;
      for (size_t i = 0; i < N; ++i) offsets[i] += index * axes_[axis].stride[i];
    }
    return offsets;
  }

  std::array<Axis, max_rank + 1> axes_{};
  size_t rank_ = 0;
  int64_t rows_ = 1;
};

}  // namespace gradus
