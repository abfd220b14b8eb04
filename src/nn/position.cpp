#include "gradus/nn/position.h"

#include <algorithm>
#include <cmath>

#include "gradus/ops.h"

namespace gradus::nn {
namespace {

// Up to here, a position is exact as a double, and one more never overflows.
void check_start(const char* what, int64_t start) {
  constexpr int64_t farthest = int64_t{1} << 53;
  check(start >= -farthest && start <= farthest, "{}: cannot begin at position {}", what, start);
}

}  // namespace

Array sinusoidal_positions(int64_t length, int64_t width, int64_t start, DType dtype) {
  check(length >= 0, "sinusoidal positions: {} of them", length);
  check(width >= 0 && width % 2 == 0, "sinusoidal positions: the width must be even, got {}",
        width);
  check_start("sinusoidal positions", start);
  Array result({length, width}, dtype);
  dispatch_float("sinusoidal positions", dtype, [&]<class T> {
    T* value = result.mutable_data<T>();
    for (int64_t i = 0; i < result.numel(); i += 2) {
      const int64_t position = start + i / width, column = i % width;
      const double exponent = -static_cast<double>(column) / static_cast<double>(width);
      const double angle = static_cast<double>(position) * std::pow(10000, exponent);
      value[i] = static_cast<T>(std::sin(angle));
      value[i + 1] = static_cast<T>(std::cos(angle));
    }
  });
  return result;
}

Tensor SinusoidalPosition::operator()(const Tensor& x, int64_t start) const {
  check(x.rank() >= 2, "sinusoidal positions: x must be (..., time, width), got {}", x.shape());
  return x + Tensor(sinusoidal_positions(x.size(-2), x.size(-1), start, x.dtype()));
}

LearnedPosition::LearnedPosition(int64_t positions, int64_t width, Generator& generator)
    : weight(parameter(randn({positions, width}, generator))) {}

Tensor LearnedPosition::operator()(const Tensor& x, int64_t start) const {
  check(x.rank() >= 2 && x.size(-1) == weight.size(1),
        "learned positions: x must be (..., time, {}), got {}", weight.size(1), x.shape());
  const int64_t length = x.size(-2), known = weight.size(0);
  check(start >= 0 && start <= known - length, "learned positions: {} from {} on, of {} in all",
        length, start, known);
  return x + slice(weight, 0, start, start + length);
}

void LearnedPosition::visit(Visitor& visitor) { visitor("weight", weight); }

namespace {

// The distances, in each direction, that have a bucket of their own.
int64_t exact_buckets(const RelativeConfig& config) {
  const int64_t exact = config.buckets / (config.bidirectional ? 4 : 2);
  check(exact >= 1 && config.max_distance > exact,
        "relative positions: {} buckets for distances up to {}", config.buckets,
        config.max_distance);
  return exact;
}

}  // namespace

int64_t relative_bucket(int64_t distance, const RelativeConfig& config) {
  const int64_t exact = exact_buckets(config);
  distance = std::max(distance, -INT64_MAX);  // the one number without an opposite
  int64_t buckets = config.buckets, first = 0, d = std::max<int64_t>(0, -distance);
  if (config.bidirectional) {
    buckets /= 2;
    if (distance > 0) first = buckets;
    d = std::abs(distance);
  }
  if (d < exact) return first + d;
  // exact + (how far d lies from exact to max_distance, by its logarithm) * (buckets - exact), in
  // float32 but for one logarithm, as in the original, so that no distance changes sides.
  const auto one = static_cast<float>(exact);
  const double whole = std::log(static_cast<double>(config.max_distance) / one);
  const float share = std::log(static_cast<float>(d) / one) / static_cast<float>(whole);
  const auto more = static_cast<int64_t>(share * static_cast<float>(buckets - exact));
  return first + std::min(exact + more, buckets - 1);
}

RelativePosition::RelativePosition(const RelativeConfig& config) : config_(config) {
  check(config.heads >= 1, "relative positions: {} heads", config.heads);
  exact_buckets(config);
  weight = parameter(Array::zeros({config.buckets, config.heads}));
}

Tensor RelativePosition::operator()(int64_t queries, int64_t keys, int64_t start) const {
  check_start("relative positions", start);
  Array buckets({queries, keys}, DType::int64);
  int64_t* bucket = buckets.mutable_data<int64_t>();
  for (int64_t q = start; q < start + queries; ++q)
    for (int64_t k = 0; k < keys; ++k) *bucket++ = relative_bucket(k - q, config_);
  const Tensor bias = embedding(weight, buckets);
  return permute(bias, {2, 0, 1});  // (queries, keys, heads) -> (heads, queries, keys)
}

void RelativePosition::visit(Visitor& visitor) { visitor("weight", weight); }

}  // namespace gradus::nn
