// Exercise 13: cross_entropy. The loss of a language model, in one step.
//
//     loss = mean over the rows of  -log p_t,   p = softmax(x),   t the row's target
//
// x (N, V) are the logits, a row for each place in the text, t (N) the token that really followed.
// The result is a single number, and dy, too: shape []. Given dy, wanted: dx (N, V). Write -log p_t
// as log sum_j exp(x_j) - x_t and differentiate that: what remains is short, and says how training
// works.
//
//     is_target     (N, V): 1 at the target of each row, 0 elsewhere
//     p             (N, V): the probabilities
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor cross_entropy(const Tensor& x, const Array& t) {
  const double N = static_cast<double>(x.size(0));
  const Array is_target = one_hot(t, x.size(1), x.dtype());
  const Array shifted = x.value() - gradus::amax(Tensor(x.value()), {-1}, true).value();
  const Array log_p = shifted - log(sum(exp(shifted), {-1}, true));
  const Array p = exp(log_p);
  const Array y = -sum(is_target * log_p) / N;

  // [hint]
  // The slope of log sum_k exp(x_k) toward x_j is exp(x_j) / sum_k exp(x_k). What is that called?
  // And the loss is a mean of N rows, not their sum.
  // [hint]

  // [solution]
  // Of one row, loss = log sum_k exp(x_k) - x_t, so
  //   dloss/dx_j = exp(x_j) / sum_k exp(x_k) - [j = t] = p_j - [j = t]
  // and each row has 1/N of the mean:
  //   dx = dy (p - is_target) / N
  // What is too probable sinks, the target rises, and each row's gradients sum to 0.
  const Backward backward = [p = saved(p), is_target = saved(is_target), N](const Array& dy,
                                                                            Inputs in) {
    in.add(0, dy * (*p - *is_target) / N);
  };
  // [solution]

  return record("cross_entropy", y, {x}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto add = [&](const char* name, const Array& x, const std::vector<int64_t>& targets) {
    const Array t = Array::of_indices(targets, {x.size(0)});
    const Function yours = [=](const Tensors& in) { return exercises::cross_entropy(in[0], t); };
    const Function library = [=](const Tensors& in) { return gradus::cross_entropy(in[0], t); };
    e.cases.push_back({name, {{"x", x}}, yours, library});
  };
  add("rows", e.numbers({3, 5}), {4, 0, 2});
  add("one row", e.numbers({1, 7}), {3});
  add("one target for all", e.numbers({5, 3}), {1, 1, 1, 1, 1});
  add("two classes", e.numbers({7, 2}), {0, 1, 1, 0, 1, 0, 0});
  add("far from 0", e.numbers({3, 5}) + 10, {0, 4, 1});
  return e;
}

}  // namespace gradus::exercises
