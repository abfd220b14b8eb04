/// \file
/// Lesson 12, broken on purpose. Each function has the correct line and the broken one beside it.
#include <cmath>
#include <functional>

#include "../lesson.h"
#include "gradus/arithmetic.h"
#include "gradus/optim/optimizer.h"

namespace gradus::lessons {
namespace {

constexpr int64_t width = 16;
using Norm = std::function<Tensor(const Tensor& x)>;
using Layer = std::function<Tensor(const Tensor& x, const Tensor& w)>;

Tensor f(const Tensor& x, const Tensor& w) { return relu(matmul(x, w)); }
Tensor correct_norm(const Tensor& x) { return layer_norm(x); }
Tensor correct_layer(const Tensor& x, const Tensor& w) { return x + f(correct_norm(x), w); }

// As in the lesson's section 6: 64 examples, the product of two numbers, the same first weights for
// the correct and the broken version.
struct Stack {
  Tensor input, target;
  std::vector<nn::NamedParameter> w;
};
Stack make_stack(Lesson& lesson, int depth) {
  Generator numbers(lesson.seed(), 1), weights(lesson.seed(), 2);
  const Tensor x(randn({64, 4}, numbers, DType::float64));
  const auto weight = [&](const Shape& shape) {
    return parameter(randn(shape, weights, DType::float64) *
                     (1 / std::sqrt(static_cast<double>(shape[0]))));
  };
  Stack stack{x,
              slice(x, 1, 0, 1) * slice(x, 1, 1, 2),
              {{"first", weight({4, width})}, {"last", weight({width, 1})}}};
  for (int l = 0; l < depth; ++l)
    stack.w.emplace_back(fmt::format("W{}", l), weight({width, width}));
  return stack;
}

struct Result {
  double gradient;  // size at the input of the stack, for one of size 1 at its top, before training
  double error;     // mean square, after 100 steps
};
Result run_stack(Lesson& lesson, int depth, const Layer& layer, const Norm& last_norm) {
  const Stack stack = make_stack(lesson, depth);
  const auto& w = stack.w;
  const auto through = [&](Tensor x) {
    for (size_t l = 2; l < w.size(); ++l) x = layer(x, w[l].second);
    return x;
  };
  Result result{};
  const Tensor input = parameter(matmul(stack.input, w[0].second).value());
  const Array dy = lesson.randn({64, width});
  through(input).backward(dy);
  result.gradient = norm(Tensor(input.grad())).item() / norm(Tensor(dy)).item();
  optim::Adam adam(w);
  for (int step = 0;; ++step) {
    for (const auto& [name, p] : w) p.zero_grad();
    const Tensor y = matmul(last_norm(through(matmul(stack.input, w[0].second))), w[1].second);
    const Tensor loss = mean(square(y - stack.target));
    result.error = loss.item();
    if (step == 100) return result;
    loss.backward();
    adam.step(1e-3);
  }
}

struct Comparison {
  Result correct, broken;
};
constexpr double fails_from = 30;  // times the correct error
// A row for each depth; the last one is returned. Where a training fails, the last bit of a sum
// decides where it ends, on another machine elsewhere: only that it is far off is said.
Comparison compare_stacks(Lesson& lesson, const Layer& broken_layer, const Norm& broken_norm) {
  viz::TableRows rows{{"layers", "|dx|: correct", "broken", "error: correct", "broken"}};
  Comparison at{};
  for (const int depth : {4, 16, 32}) {
    at.correct = run_stack(lesson, depth, correct_layer, correct_norm);
    at.broken = run_stack(lesson, depth, broken_layer, broken_norm);
    const double far_off = fails_from * at.correct.error;
    rows.push_back(row("{} | {:.3g} | {:.3g} | {:.4f} | {}", depth, at.correct.gradient,
                       at.broken.gradient, at.correct.error,
                       at.broken.error > far_off ? fmt::format("over {:.2f}", far_off)
                                                 : fmt::format("{:.4f}", at.broken.error)));
  }
  lesson.table(rows);
  return at;
}

void no_residual(Lesson& lesson) {
  const Layer broken = [](const Tensor& x, const Tensor& w) {
    return f(correct_norm(x), w);  // correct: x + f(correct_norm(x), w)
  };
  lesson.say(
      R"(Stacks as in section 6, with the norm. |dx| is the size of the gradient at the bottom for
      one of size 1 at the top, error the mean square error after 100 steps.)");
  const Comparison deep = compare_stacks(lesson, broken, correct_norm);
  lesson.symptom("at 32 layers the gradient explodes",
                 deep.broken.gradient > 20 * deep.correct.gradient);
  lesson.symptom("and the training fails", deep.broken.error > fails_from * deep.correct.error);
  lesson.say(
      R"(Sixteen layers still learn: the norm keeps every activation at one size. But relu
      leaves less spread than it was given, and the way back through the norm divides by that spread
      at each layer. Nothing skips.)");
}

void wrong_axis(Lesson& lesson) {
  const auto normalised = [](const Tensor& x, int axis) {
    const Tensor d = x - mean(x, {axis}, true);
    return d / sqrt(mean(square(d), {axis}, true) + 1e-5);
  };
  const auto broken = [&](const Tensor& x) { return normalised(x, 0); };  // correct: -1
  const Tensor x(lesson.randn({3, 5}));
  const Axes token_by_column{"token", "column", {}, {}};
  lesson.compare("h", normalised(x, -1), broken(x), token_by_column);
  lesson.symptom(
      "rows do not have mean 0, columns do",
      norm(mean(broken(x), {1})).item() > 0.1 && norm(mean(broken(x), {0})).item() < 1e-9);
  Array changed = x.value();
  changed = changed * Array::of(std::vector<double>{1, 1, 9}, {3, 1}, DType::float64);
  const auto first_row = [](const Tensor& h) { return slice(h, 0, 0, 1); };
  lesson.say("The last token times 9, and what that does to the first:");
  lesson.compare("h of token 0", first_row(normalised(Tensor(changed), -1)),
                 first_row(broken(Tensor(changed))), {"token", "column", {"0"}, {}});
  lesson.symptom(
      "a token depends on the others",
      largest_difference(first_row(broken(Tensor(changed))), first_row(broken(x))) > 0.1);
  lesson.symptom("a token alone is all zeros", norm(broken(first_row(x))).item() == 0);
  lesson.gradcheck("norm over the tokens",
                   [&](const std::vector<Tensor>& in) { return broken(in[0]); },
                   {{"x", lesson.randn({7, 5})}});
  lesson.say(
      R"(The gradient check passes: right gradient, wrong function. In a model that predicts the next
      token this one leaks: a token's row is changed by those that come after it.)");
}

// The backward as if mean and standard deviation were constants.
Tensor norm_without_mean_terms(const Tensor& x) {
  const Tensor d = x.detach() - mean(x.detach(), {-1}, true);
  const Tensor r = rsqrt(mean(square(d), {-1}, true) + 1e-5);
  return record("norm_without_mean_terms", (d * r).value(), {x},
                [r = saved(r)](const Array& dy, Inputs in) {
                  in.add(0, *r * dy);  // correct: r (dy - mean(dy) - h mean(dy h))
                });
}

void no_mean_terms(Lesson& lesson) {
  lesson.equation("dx = r g");
  lesson.say("It looks right: y = (x - µ) r, so dy/dx = r. It forgets that µ and r are made of x.");
  lesson.trained({1e-8, 1e-6});  // differences have a last digit that depends on the machine
  lesson.caught("norm_without_mean_terms",
                [](const std::vector<Tensor>& in) { return norm_without_mean_terms(in[0]); },
                {{"x", lesson.randn({7, 5})}});
  lesson.say("What it does to the stacks of section 6:");
  const Comparison deep = compare_stacks(
      lesson, [](const Tensor& x, const Tensor& w) { return x + f(norm_without_mean_terms(x), w); },
      norm_without_mean_terms);
  lesson.symptom("it trains, and merely lags",
                 deep.broken.error > 1.5 * deep.correct.error && deep.broken.error < 0.5);
  lesson.say(
      R"(Nothing crashes and the loss falls: such a bug lives long. Only the check of the numbers
      tells.)");
}

}  // namespace

std::vector<Break> breaks() {
  return {
      {"no-residual", "A layer is f(norm(x)), without the x +.", no_residual},
      {"wrong-axis", "The norm runs over the tokens, axis 0, not over a token's row.", wrong_axis},
      {"no-mean-terms", "The norm's backward leaves out its two means.", no_mean_terms}};
}

}  // namespace gradus::lessons
