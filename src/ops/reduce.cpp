#include "gradus/ops/reduce.h"

#include "gradus/arithmetic.h"

namespace gradus {
namespace {

// `scale` times the sum. Every element of x had the same influence, so dx is scale dy, repeated
// along the axes that were summed.
Tensor scaled_sum(const char* op, const Tensor& x, const std::vector<int>& axes, bool keepdim,
                  double scale) {
  Shape kept = x.shape();  // with size 1 where an axis was summed
  if (axes.empty()) kept = Shape::filled(x.rank(), 1);
  for (const int axis : axes) kept[normalize_axis(op, axis, x.rank())] = 1;
  Array value = sum(x.value(), axes, keepdim);
  if (scale != 1) value = value * scale;
  return record(op, std::move(value), {x},
                [shape = x.shape(), kept, scale](const Array& dy, Inputs in) {
                  const Array g = scale == 1 ? dy : dy * scale;
                  in.add(0, g.reshape(kept).expand(shape));
                });
}

}  // namespace

Tensor sum(const Tensor& x, const std::vector<int>& axes, bool keepdim) {
  return scaled_sum("sum", x, axes, keepdim, 1);
}

Tensor mean(const Tensor& x, const std::vector<int>& axes, bool keepdim) {
  int64_t count = axes.empty() ? x.numel() : 1;
  for (const int axis : axes) count *= x.size(normalize_axis("mean", axis, x.rank()));
  return scaled_sum("mean", x, axes, keepdim, 1.0 / static_cast<double>(count));
}

}  // namespace gradus
