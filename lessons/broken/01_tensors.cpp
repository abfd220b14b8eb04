/// \file
/// Lesson 1, broken on purpose. Each function has the correct line and the broken one beside it.
#include "../lesson.h"
#include "gradus/arithmetic.h"

namespace gradus::lessons {
namespace {

const std::vector<std::string> words{"The", "cat", "sat", "on"};

Array counted(const Shape& shape) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < shape.numel(); ++i) numbers.push_back(static_cast<double>(i));
  return Array::of(numbers, shape, DType::float64);
}

void view_instead_of_transpose(Lesson& lesson) {
  const auto split = [](const Tensor& x) { return transpose(reshape(x, {4, 2, 3}), 0, 1); };
  const auto broken = [](const Tensor& x) { return reshape(x, {2, 4, 3}); };
  const Tensor x(counted({4, 6}));
  const Axes axes{"token", "", words, {}};
  for (const int64_t h : {0, 1})
    lesson.compare(fmt::format("head {}", h), select(split(x), 0, h), select(broken(x), 0, h), axes,
                   0);
  lesson.say(
      R"(Change all features of "The", the first token, and see which rows of head 0 move:)");
  Array other = x.value().clone();
  Array first = other.select(0, 0);
  first.copy_from(Array::full({6}, -1, DType::float64));
  const auto moved = [&](const auto& f) {
    const Tensor change = select(f(Tensor(other)) - f(x), 0, 0);
    std::string names;
    for (int64_t t = 0; t < 4; ++t)
      if (sum(square(select(change, 0, t))).item() > 0)
        names += (names.empty() ? "" : ", ") + words[static_cast<size_t>(t)];
    return names;
  };
  lesson.table(
      {{"", "rows of head 0 that move"}, {"correct", moved(split)}, {"broken", moved(broken)}});
  lesson.symptom(R"("cat" in head 0 is made of "The")",
                 moved(split) == "The" && moved(broken) == "The, cat");
  lesson.symptom("split and joined again it is x: a round trip proves nothing",
                 largest_difference(reshape(broken(x), {4, 6}), x) == 0);
  lesson.gradcheck("reshape to (H, T, D)",
                   [&](const std::vector<Tensor>& in) { return broken(in[0]); },
                   {{"x", lesson.randn({4, 6})}});
  lesson.say(
      R"(No error, no wrong gradient: a model trained like this merely learns less, for its tokens
      are stirred together. Numbers that are their own addresses show it at once.)");
}

// y = x + b with the backward by hand: what arrives at b has one row for each token.
using Share = std::function<void(const Array& dy, Inputs in)>;
Tensor add_bias(const Tensor& x, const Tensor& b, const Share& share_of_b) {
  return record("add_bias", x.value() + b.value(), {x, b}, [=](const Array& dy, Inputs in) {
    in.add(0, dy);
    share_of_b(dy, in);
  });
}

void forgotten_sum(Lesson& lesson) {
  const Share correct = [](const Array& dy, Inputs in) { in.add(1, sum(dy, {0})); };
  const Share unsummed = [](const Array& dy, Inputs in) { add_in_place(in.buffer(1), dy); };
  const Share first_row = [](const Array& dy, Inputs in) { in.add(1, dy.select(0, 0)); };
  const Share mean = [](const Array& dy, Inputs in) {
    in.add(1, sum(dy, {0}) / static_cast<double>(dy.size(0)));
  };
  const auto gradient = [](const Share& share) {
    const Tensor b = parameter(Array::of({10, 20, 30}, {3}, DType::float64));
    const Tensor x(counted({2, 3})), w(counted({2, 3}) + 1.0);
    sum(add_bias(x, b, share) * w).backward();
    return Tensor(b.grad());
  };
  lesson.say("The gradient of y is [1 2 3 / 4 5 6], as in section 5. All of it added to b's own:");
  try {
    gradient(unsummed);
    lesson.symptom("the engine refuses", false);
  } catch (const Error& error) {
    lesson.text(error.what());
    lesson.symptom("the engine refuses: two rows do not fit into one", true);
  }
  lesson.say(
      R"(A share of the right shape is not refused, whatever is in it. Two that are seen in the
      wild: only one row of it, and the mean in the place of the sum.)");
  const Tensor right = gradient(correct), row_0 = gradient(first_row), average = gradient(mean);
  lesson.show("correct: sum", right, {}, 1);
  lesson.show("broken: one row", row_0, {}, 1);
  lesson.show("broken: mean", average, {}, 1);
  lesson.symptom("the mean is too small by the number of rows",
                 largest_difference(average * 2, right) == 0);
  lesson.caught("the mean",
                [&](const std::vector<Tensor>& in) { return add_bias(in[0], in[1], mean); },
                {{"x", lesson.randn({5, 3})}, {"b", lesson.randn({3})}});
  lesson.say(
      R"(With one row, T = 1, all of these are right: a test needs more rows than one. The library
      lets no op forget: `Inputs::add` sums whatever was broadcast.)");
}

void row_minus_column(Lesson& lesson) {
  const Tensor target(Array::of({1, 2, 3, 4}, {4}, DType::float64));
  const Tensor guess(Array::of({1, 2, 3, 4}, {4, 1}, DType::float64));
  lesson.say(
      R"(A model's guesses often come as a column, (4, 1), the targets as a row, (4). Here every
      guess is perfect, so the mean squared error must be 0.)");
  const Tensor correct = reshape(guess, {4}) - target, broken = guess - target;
  lesson.show("correct: guess as (4) minus target", correct, {}, 0);
  lesson.show("broken: guess as (4, 1) minus target", broken, {"guess", "target", {}, {}}, 0);
  lesson.say("mean squared error: correct {:.2f}, broken {:.2f}", mean(square(correct)).item(),
             mean(square(broken)).item());
  lesson.symptom("every guess was compared with every target",
                 broken.shape() == Shape{4, 4} && mean(square(broken)).item() > 0);
  const Tensor w = parameter(guess.value());
  mean(square(w - target)).backward();
  lesson.show("gradient for the perfect guesses, broken", reshape(Tensor(w.grad()), {4}), {}, 2);
  lesson.symptom("the gradient pulls each guess to the mean of all targets, 2.5",
                 largest_difference(Tensor(w.grad()), (guess - 2.5) * 0.5) < 1e-12);
  lesson.say(
      R"(Nothing crashes, and the loss even falls: a model trained like this learns to say 2.5 to
      everything. Print shapes before you subtract.)");
}

void write_through_a_view(Lesson& lesson) {
  Array x = counted({2, 3}), y = counted({2, 3});
  Array copy = x.select(0, 1).clone(), view = y.select(0, 1);
  lesson.say("Row 1 is to be multiplied by 100 for a table. Once in a copy, once in the view:");
  scale_in_place(copy, 100);
  scale_in_place(view, 100);
  lesson.compare("x afterwards", Tensor(x), Tensor(y), {}, 0);
  lesson.symptom("the original has changed as well", y.at({1, 2}) == 500 && x.at({1, 2}) == 5);
  lesson.say(
      R"(In the middle of a computation it would be worse: $y^2$ has the gradient 2y, of the y that was
      there. The engine counts writes, and stops:)");
  const Tensor p = parameter(counted({2, 3}));
  const Tensor loss = sum(square(p));
  try {
    Array row_1 = p.value().select(0, 1);
    scale_in_place(row_1, 100);
    loss.backward();
    lesson.symptom("backward refuses", false);
  } catch (const Error& error) {
    lesson.text(viz::wrapped(error.what(), 76));
    lesson.symptom("backward refuses", true);
  }
}

}  // namespace

std::vector<Break> breaks() {
  return {
      {"view-instead-of-transpose", "Heads are split by reshape alone.", view_instead_of_transpose},
      {"forgotten-sum", "The gradient of a bias is not summed over the rows.", forgotten_sum},
      {"row-minus-column", "A column minus a row, where two rows were meant.", row_minus_column},
      {"write-through-a-view", "A view is written to as if it were a copy.", write_through_a_view}};
}

}  // namespace gradus::lessons
