#include "gradus/ops/rotary.h"

#include <cmath>
#include <numeric>

#include "strided_loop.h"

namespace gradus {
namespace {

// cos and sin of every angle, each (positions' shape, D / 2).
struct Angles {
  Array cosines, sines;
};

Angles angles_of(const Array& positions, int64_t d, double base, DType dtype) {
  const Shape shape = positions.shape().inserted(positions.rank(), d / 2);
  Angles angles{Array(shape, dtype), Array(shape, dtype)};
  dispatch_float("rotary_embedding", dtype, [&]<class T> {
    T *cosine = angles.cosines.mutable_data<T>(), *sine = angles.sines.mutable_data<T>();
    for (const double position : positions.to_vector())
      for (int64_t i = 0; i < d / 2; ++i) {
        const double exponent = -2 * static_cast<double>(i) / static_cast<double>(d);
        const double angle = position * std::pow(base, exponent);
        *cosine++ = static_cast<T>(std::cos(angle));
        *sine++ = static_cast<T>(std::sin(angle));
      }
  });
  return angles;
}

// The first or the second numbers of all pairs, (..., T, D / 2): a view.
Array members(const Array& x, int which, RotaryPairs pairs) {
  const int64_t d = x.size(-1);
  return pairs == RotaryPairs::interleaved ? x.slice(-1, which, d, 2)
                                           : x.slice(-1, which * d / 2, (which + 1) * d / 2);
}

// Every pair (a, b) becomes (a cos - b sin, a sin + b cos); direction is 1, or -1 to turn back.
Array turned(const Array& x, const Angles& angles, RotaryPairs pairs, int direction) {
  Array y = x.empty_like();
  const Array a = members(x, 0, pairs), b = members(x, 1, pairs);
  Array ya = members(y, 0, pairs), yb = members(y, 1, pairs);
  const Array cosines = angles.cosines.expand(a.shape()), sines = angles.sines.expand(a.shape());
  const StridedLoop<6> loop(a.shape(), {ya.strides(), yb.strides(), a.strides(), b.strides(),
                                        cosines.strides(), sines.strides()});
  dispatch_float("rotary_embedding", x.dtype(), [&]<class T> {
    T *first = ya.mutable_data<T>(), *second = yb.mutable_data<T>();
    const T *p = a.data<T>(), *q = b.data<T>(), *c = cosines.data<T>(), *s = sines.data<T>();
    const auto sign = static_cast<T>(direction);
    loop.for_each_run([&, stride = loop.row_stride()](const auto& at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        const T u = p[at[2] + i * stride[2]], v = q[at[3] + i * stride[3]];
        const T cosine = c[at[4] + i * stride[4]], sine = sign * s[at[5] + i * stride[5]];
        first[at[0] + i * stride[0]] = u * cosine - v * sine;
        second[at[1] + i * stride[1]] = u * sine + v * cosine;
      }
    });
  });
  return y;
}

}  // namespace

// y = R x with R a rotation of every pair, so dx = R^T dy: the rotation by the opposite angle.
Tensor rotary_embedding(const Tensor& x, const RotaryOptions& options) {
  constexpr const char* op = "rotary_embedding";
  check(x.rank() >= 2 && x.size(-1) % 2 == 0, "{}: x must be (..., time, an even width), got {}",
        op, x.shape());
  const Shape places = x.shape().erased(x.rank() - 1);  // (..., T)
  Array positions = options.positions;
  if (positions.is_empty_handle()) {
    constexpr int64_t farthest = int64_t{1} << 53;  // a larger one is not exact as a double
    check(options.start >= -farthest && options.start <= farthest,
          "{}: cannot begin at position {}", op, options.start);
    positions = Array({x.size(-2)}, DType::int64);
    int64_t* first = positions.mutable_data<int64_t>();
    std::iota(first, first + positions.numel(), options.start);
  }
  check(positions.dtype() == DType::int64, "{}: positions must be int64, got {}", op,
        name(positions.dtype()));
  check(broadcast(positions.shape(), places) == places,
        "{}: positions {} do not broadcast to {}, the axes of x {} but the last", op,
        positions.shape(), places, x.shape());
  check(options.base > 0, "{}: the base must be positive, got {}", op, options.base);
  const Angles angles = angles_of(positions, x.size(-1), options.base, x.dtype());
  return record(op, turned(x.value(), angles, options.pairs, 1), {x},
                [c = saved(angles.cosines), s = saved(angles.sines), pairs = options.pairs](
                    const Array& dy, Inputs in) {
                  in.add(0, turned(dy, {*c, *s}, pairs, -1));
                });
}

}  // namespace gradus
