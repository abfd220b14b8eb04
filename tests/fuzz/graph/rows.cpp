// Ops that reduce axes, normalise along them, or compare two tensors.
#include <cmath>
#include <limits>

#include "fuzz/graph/program.h"
#include "gradus/ops.h"

namespace gradus::test::fuzz {
namespace {

using Reduction3 = Tensor (*)(const Tensor&, const Axes&, bool);

void reduce(Builder& b, Reduction3 f) {
  const int x = b.pick();
  const Axes axes = b.axes(x);
  const bool keepdim = b.chance(2);
  b.add({x}, [=](const Pool& p) { return f(p[x], axes, keepdim); });
}

void extreme(Builder& b, Reduction3 f) {
  const int x = b.pick();
  const Axes axes = b.axes(x);
  const bool keepdim = b.chance(2);
  if (b.is_distinct(x)) b.add({x}, [=](const Pool& p) { return f(p[x], axes, keepdim); });
}

template <class F>
void extreme_along(Builder& b, F f) {
  const int x = b.pick_rank(1, max_rank), axis = b.axis(x);
  if (b.is_distinct(x)) b.add({x}, [=](const Pool& p) { return f(p[x], axis).values; });
}

template <class F>
void extreme_of_all(Builder& b, F f) {
  const int x = b.pick();
  if (b.is_distinct(x)) b.add({x}, [=](const Pool& p) { return f(p[x]); });
}

void spread(Builder& b, const char* name) {
  const bool root = std::string_view(name) == "standard_deviation";
  const int x = b.pick();
  const Axes axes = b.axes(x);
  const auto correction = static_cast<int>(b.size(0, 1));
  // A deviation near 0 is a kink, and of one element it is 0.
  if (root) {
    try {
      for (const double v :
           variance(Tensor(b.value(x)), axes, false, correction).value().to_vector())
        if (!(v > 0.01)) return;
    } catch (const Error&) {
      return;
    }
  }
  b.add({x}, [=](const Pool& p) {
    return root ? standard_deviation(p[x], axes, true, correction)
                : variance(p[x], axes, false, correction);
  });
}

void normed(Builder& b, const char*) {
  const int x = b.pick();
  const Axes axes = b.axes(x);
  const int64_t which = b.size(0, 3);
  const double power = which == 0 ? 1 : which == 1 ? 2 : which == 2 ? 3.5 : INFINITY;
  if (b.is_away(x) && (which < 3 || b.is_distinct(x, true)))
    b.add({x}, [=](const Pool& p) { return norm(p[x], axes, false, power); });
}

// Of cumsum and the softmaxes.
template <class F>
void along(Builder& b, F f) {
  const int x = b.pick_rank(1, max_rank), axis = b.axis(x);
  b.add({x}, [=](const Pool& p) { return f(p[x], axis); });
}

// Some places are masked with -inf first: the whole row, perhaps.
void masked_softmax(Builder& b, const char*) {
  const int x = b.pick_rank(1, max_rank), axis = b.axis(x);
  const Array mask = b.mask(b.value(x).shape());
  b.add({x}, [=](const Pool& p) {
    return softmax(masked_fill(p[x], mask, -std::numeric_limits<double>::infinity()), axis);
  });
}

// ---- with a weight and a bias for each element of the last axis, or of the second ----

template <class F>
void normalised(Builder& b, int lowest_rank, int channels, F f) {
  const int x = b.pick_rank(lowest_rank, max_rank);
  if (b.value(x).rank() < lowest_rank) return;
  const Shape size{b.value(x).size(channels)};
  const int weight = b.like(size), bias = b.like(size);
  const bool has_weight = !b.chance(3), has_bias = has_weight && !b.chance(3);
  const double eps = b.chance(3) ? 1e-5 : 0.1;
  if (has_bias)
    b.add({x, weight, bias}, [=](const Pool& p) { return f(p[x], p[weight], p[bias], eps); });
  else if (has_weight)
    b.add({x, weight}, [=](const Pool& p) { return f(p[x], p[weight], Tensor(), eps); });
  else
    b.add({x}, [=](const Pool& p) { return f(p[x], Tensor(), Tensor(), eps); });
}

void layer(Builder& b, const char*) { normalised(b, 1, -1, layer_norm); }

void rms(Builder& b, const char*) {
  normalised(b, 1, -1, [](const Tensor& x, const Tensor& weight, const Tensor&, double eps) {
    return rms_norm(x, weight, eps);
  });
}

void batch(Builder& b, const char*) {
  normalised(b, 2, 1, [](const Tensor& x, const Tensor& w, const Tensor& bias, double eps) {
    return batch_norm(x, w, bias, eps);
  });
}

void batch_in_evaluation(Builder& b, const char*) {
  normalised(b, 2, 1, [](const Tensor& x, const Tensor& w, const Tensor& bias, double eps) {
    const Shape channels{x.size(1)};
    const BatchStatistics given{Array::full(channels, 0.25, DType::float64),
                                Array::full(channels, 1.5, DType::float64)};
    return batch_norm(x, given, w, bias, eps);
  });
}

// ---- losses ----

Reduction reduction(Builder& b) {
  constexpr Reduction all[] = {Reduction::none, Reduction::mean, Reduction::sum,
                               Reduction::batchmean};
  return all[b.size(0, 3) & 3];
}

void cross(Builder& b, const char*) {
  const int x = b.pick_rank(1, 4);
  const Shape shape = b.value(x).shape();
  if (shape.rank() == 0) return;
  CrossEntropyOptions options;
  options.reduction = reduction(b);
  options.label_smoothing = b.chance(2) ? 0.1 : 0;
  options.ignore_index = b.chance(2) ? 0 : -100;
  const Array targets = b.indices(shape.erased(shape.rank() - 1), shape[-1]);
  b.add({x}, [=](const Pool& p) { return cross_entropy(p[x], targets, options); });
}

template <class F>
void loss(Builder& b, F f) {
  const int x = b.pick(), y = b.like(b.value(x).shape());
  const Reduction how = reduction(b);
  b.add({x, y}, [=](const Pool& p) { return f(p[x], p[y], how); });
}

void absolute(Builder& b, const char*) {
  const int x = b.pick(), y = b.like(b.value(x).shape());
  const Reduction how = reduction(b);
  if (!(b.value(x).shape() == b.value(y).shape())) return;
  const Tensor difference = Tensor(b.value(x)) - Tensor(b.value(y));
  for (const double d : difference.value().to_vector())
    if (std::abs(d) < 1e-3) return;
  b.add({x, y}, [=](const Pool& p) { return l1_loss(p[x], p[y], how); });
}

void divergence(Builder& b, const char*) {
  const int x = b.pick(), some = b.like(b.value(x).shape()), target = b.positive(some);
  const Reduction how = reduction(b);
  b.add({x, target}, [=](const Pool& p) { return kl_div(p[x], p[target], how); });
}

void cosine(Builder& b, const char*) {
  const int x = b.pick_rank(1, max_rank), y = b.partner(x), axis = b.axis(x);
  if (b.is_away(x) && b.is_away(y))
    b.add({x, y}, [=](const Pool& p) { return cosine_similarity(p[x], p[y], axis); });
}

constexpr Op ops[] = {
    {"sum", [](Builder& b, const char*) { reduce(b, sum); }},
    {"mean", [](Builder& b, const char*) { reduce(b, mean); }},
    {"logsumexp", [](Builder& b, const char*) { reduce(b, logsumexp); }},
    {"variance", spread},
    {"standard_deviation", spread},
    {"norm", normed},
    {"amax", [](Builder& b, const char*) { extreme(b, amax); }},
    {"amin", [](Builder& b, const char*) { extreme(b, amin); }},
    {"max along",
     [](Builder& b, const char*) {
       extreme_along(b, [](const Tensor& x, int axis) { return max(x, axis); });
     }},
    {"min along",
     [](Builder& b, const char*) {
       extreme_along(b, [](const Tensor& x, int axis) { return min(x, axis); });
     }},
    {"max",
     [](Builder& b, const char*) { extreme_of_all(b, [](const Tensor& x) { return max(x); }); }},
    {"min",
     [](Builder& b, const char*) { extreme_of_all(b, [](const Tensor& x) { return min(x); }); }},
    {"cumsum",
     [](Builder& b, const char*) {
       along(b, [](const Tensor& x, int axis) { return cumsum(x, axis); });
     }},
    {"softmax", [](Builder& b, const char*) { along(b, softmax); }},
    {"log_softmax", [](Builder& b, const char*) { along(b, log_softmax); }},
    {"masked softmax", masked_softmax},
    {"layer_norm", layer},
    {"rms_norm", rms},
    {"batch_norm", batch},
    {"batch_norm of given", batch_in_evaluation},
    {"cross_entropy", cross},
    {"binary_cross_entropy_with_logits",
     [](Builder& b, const char*) { loss(b, binary_cross_entropy_with_logits); }},
    {"mse_loss", [](Builder& b, const char*) { loss(b, mse_loss); }},
    {"l1_loss", absolute},
    {"kl_div", divergence},
    {"cosine_similarity", cosine},
};

}  // namespace

std::span<const Op> row_ops() { return ops; }

}  // namespace gradus::test::fuzz
