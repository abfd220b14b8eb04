// Mistakes in derivatives of single elements, and in masks.
#include "laboratory/exhibits.h"

namespace gradus::test {
namespace {

const std::string ops = "src/ops/elementwise.cpp";
const std::string kernels = "src/kernels/isa/elementwise.cpp";
const std::string choices = "src/ops/compare.cpp";

}  // namespace

std::vector<Exhibit> exhibits_of_elements() {
  return {
      {.name = "sub-sign",
       .file = ops,
       .from = "if (in.wants(1)) in.add(1, -dy);",
       .to = "if (in.wants(1)) in.add(1, dy);",
       .op = "sub",
       .cause = Cause::sign,
       .symptom = "A model that learns a difference a - b pulls a the right way and pushes b the "
                  "wrong way: its loss grows.",
       .hints = {"Compare analytic and numeric of the two inputs. One input is right in every "
                 "digit; what is the ratio of the two numbers at the other?",
                 "The subtraction's closure has one line for each input. What does y do when b "
                 "grows by a little?",
                 "y = a - b falls by as much as b grows: db is not dy."},
       .story = "The second line of a closure is easily copied from the first. The values were "
                "right, so only a gradient check, or a loss that climbs, tells."},
      {.name = "add-both-to-first",
       .file = ops,
       .from = "in.add(1, dy);",
       .to = "in.add(0, dy);",
       .op = "add",
       .cause = Cause::never_added,
       .symptom = "Biases stay where they were initialised, and what they are added to learns "
                  "twice as fast as it should.",
       .hints = {"Look at both inputs: one analytic gradient is 0, the other twice the numeric "
                 "one. Where may the missing share have gone?",
                 "In the addition's closure each input is given its share by its number.",
                 "The inputs are numbered 0 and 1, and each number has to occur once."},
       .story = "A copied line with the index left as it was. With one input getting both shares, "
                "a training run still goes down for a while, which hides it."},
      {.name = "square-half",
       .file = kernels,
       .from = "[](V x) { return x + x; }",
       .to = "[](V x) { return x; }",
       .op = "square",
       .cause = Cause::counted_once,
       .symptom = "A loss made of squares needs exactly twice the learning rate that the formula "
                  "promises.",
       .hints = {"The ratio of analytic to numeric is the same at every element. Which number is "
                 "it?",
                 "The table at the end of the file has a line for each op: its value, then its "
                 "slope. Read the slopes beside the values.",
                 "The slope of x^2 is 2 x."},
       .story = "The 2 of the derivative was dropped, as is done on paper where a constant does "
                "not matter. Between ops it does: it weighs this path against all the others."},
      {.name = "sqrt-upside-down",
       .file = kernels,
       .from = "return T(0.5) / sqrt<T>(x);",
       .to = "return T(0.5) * sqrt<T>(x);",
       .op = "sqrt",
       .cause = Cause::power,
       .symptom = "Training through a square root explodes where the number under it is large, "
                  "and stands still where it is small.",
       .hints = {"The ratio of analytic to numeric differs from element to element. Compare it "
                 "with the input of the same element.",
                 "The slope of sqrt has to fall as x grows: the root becomes flatter.",
                 "d sqrt(x) / dx = 1/2 x^(-1/2): the root stands below the line."},
       .story = "x^(1/2) becomes 1/2 x^(-1/2), and the minus was lost on the way. At x = 1 both "
                "agree: a test at one round number would have passed."},
      {.name = "sigmoid-without-one-minus",
       .file = kernels,
       .from = "slope = e * r * r;",
       .to = "slope = value;",
       .op = "sigmoid",
       .cause = Cause::forward_value,
       .symptom = "A gate that is wide open should hardly move any more; this one gets the largest "
                  "gradient of all.",
       .hints = {"Divide the analytic gradient by the one that arrives: you get a number between 0 "
                 "and 1 for each element. Which function of x is it?",
                 "The sigmoid and its slope are computed together, in one small class.",
                 "s'(x) = s (1 - s), which the comment writes as e r^2: it is not s."},
       .story = "exp is its own derivative, the sigmoid is not: the factor 1 - s was forgotten. "
                "silu and gelu_tanh use the same slope and were wrong with it."},
      {.name = "abs-slope-one",
       .file = kernels,
       .from = "[](V x) { return sign<T>(x); }",
       .to = "[](V) { return broadcast(T(1)); }",
       .op = "abs",
       .cause = Cause::one_branch,
       .symptom = "An L1 penalty shrinks the positive weights and makes the negative ones larger "
                  "and larger.",
       .hints = {"Some elements are right, others have the wrong sign. What do the inputs of the "
                 "wrong ones have in common?",
                 "Read the slope of abs in the table at the end of the file, for x = -2.",
                 "|x| falls on the left of 0: its slope there is -1, everywhere else 1."},
       .story = "The slope was written for the positive half and never looked at on the other. "
                "Inputs drawn from (0, 1) would have let it pass: draw both signs."},
      {.name = "relu-lets-all-through",
       .file = kernels,
       .from = "[](V x) { return select(x <= T(0), V{}, broadcast(T(1))); }",
       .to = "[](V) { return broadcast(T(1)); }",
       .op = "relu",
       .cause = Cause::dy_passed_on,
       .symptom = "Units that are switched off go on learning as if they were on.",
       .hints = {"Look at an element whose input is negative: numeric says 0, and analytic?",
                 "The gradient that arrives goes through unchanged, wherever the input is. Which "
                 "part of the table decides on that?",
                 "The slope of relu is 1 where x > 0 and 0 elsewhere: it has to look at x."},
       .story = "This is called the straight-through estimator where it is done on purpose. Here "
                "it was a slope that forgot its argument."},
      {.name = "chain-rule-forgotten",
       .file = kernels,
       .from = "return g * Slope{}(v);",
       .to = "return Slope{}(v);",
       .op = "softplus",
       .cause = Cause::dy_ignored,
       .symptom = "Every activation function is right on its own; put two ops after it and the "
                  "gradient does not change at all.",
       .hints = {"Is it this op only? Try tanh and exp: all functions of one element are wrong in "
                 "the same way.",
                 "They share one backward loop. Which of its two arguments has no influence?",
                 "dx = dy f'(x): a product of two numbers."},
       .story = "The slope alone is right as long as the arriving gradient is 1, as it is after a "
                "plain sum. That is why gradient checks here weigh the result with random "
                "numbers."},
      {.name = "saved-the-result",
       .file = ops,
       .from = "return record(op, std::move(y), {x}, [op, x = saved(x)]",
       .to = "return record(op, y, {x}, [op, x = saved(y)]",
       .op = "tanh",
       .cause = Cause::wrong_point,
       .symptom = "The forward pass is right and the slopes in the table are right, yet every "
                  "curved activation has a wrong gradient.",
       .hints = {"Compute 1 - tanh(x)^2 by hand for the worst element, then again with tanh(x) in "
                 "the place of x. Which one is the analytic gradient?",
                 "The slopes are functions of x. Who hands them their argument?",
                 "The capture list of the closure says what is kept for backward."},
       .story = "PyTorch keeps the result for tanh and the sigmoid, whose slopes are written in y. "
                "These are written in x: what is saved and what the formula expects must be "
                "the same quantity."},
      {.name = "div-by-b-once",
       .file = ops,
       .from = "-(dy * *a / (*b * *b))",
       .to = "-(dy * *a / *b)",
       .op = "div",
       .cause = Cause::power,
       .symptom = "A normalisation written as a quotient gets its denominator's gradient right "
                  "only where the denominator happens to be 1.",
       .hints = {"da is right. Divide db's analytic by its numeric value and look for that number "
                 "among the inputs.",
                 "y = a b^-1. Which power of b has its derivative?",
                 "db = -dy a / b^2: b stands there twice."},
       .story = "The rule for a quotient, remembered with one b too few. The ratio of the two "
                "derivatives was b itself, element by element: that is what gave it away."},
      {.name = "pow-wrong-logarithm",
       .file = ops,
       .from = "*z * unary(\"log\", *x)",
       .to = "*z * unary(\"log\", *p)",
       .op = "pow",
       .cause = Cause::not_finite,
       .symptom = "The loss turns into NaN after the first step in which an exponent is "
                  "learned.",
       .hints = {"One input has NaN in its analytic gradient, the differences have none. What do "
                 "the elements with NaN have in common?",
                 "x^p = e^(p log x). What is left after taking the derivative in p?",
                 "dp = dz z log x: the logarithm is that of the base."},
       .story = "Two letters exchanged. A negative exponent has no logarithm, and that was luck: "
                "had all exponents been positive, the numbers would merely have been wrong."},
      {.name = "masked-fill-leaks",
       .file = ops,
       .from = "in.add(0, masked_fill(dy, *mask, 0));",
       .to = "in.add(0, dy);",
       .op = "masked_fill",
       .cause = Cause::masked,
       .symptom = "Padding and future tokens cannot influence the result, and yet they receive a "
                  "gradient.",
       .hints = {"Look at the elements whose numeric derivative is exactly 0, and at which "
                 "elements are wrong.",
                 "The forward pass overwrites what is masked. What did the old value have to do "
                 "with the result?",
                 "Nothing: so dx must be 0 there. The mask has to be used on the way back as "
                 "well."},
       .story = "A mask has to be applied twice, once in each direction. A leak like this shows in "
                "training as a model that seems to know the future."},
      {.name = "dropout-drawn-again",
       .file = ops,
       .from = "[mask = saved(mask)](const Array& dy, Inputs in) { in.add(0, dy * *mask); });",
       .to = "[p, again = generator](const Array& dy, Inputs in) mutable { in.add(0, "
             "dropout(Tensor(dy), p, again).value()); });",
       .op = "dropout",
       .cause = Cause::masked,
       .symptom = "Units that were dropped, and so had no part in the loss, learn from it; some "
                  "that had a part do not.",
       .hints = {"Every wrong element is either 0 where it should not be, or not 0 where it "
                 "should be.",
                 "Which elements were dropped, and who decides that in backward?",
                 "The mask is drawn once: backward has to use the one that forward used."},
       .story = "Backward drew a mask of its own. Each gradient is then that of another network "
                "than the one whose loss was computed. Save the mask, or the seed."},
      {.name = "clamp-inside-out",
       .file = choices,
       .from = "in.add(0, masked_fill(dy, logical_not(inside), 0));",
       .to = "in.add(0, masked_fill(dy, inside, 0));",
       .op = "clamp",
       .cause = Cause::masked,
       .symptom = "Values between the bounds are frozen; those that have hit a bound drift on.",
       .hints = {"Sort the elements by their input: where is analytic 0, and where is numeric 0?",
                 "masked_fill overwrites where its mask is true. Which elements of a clamp have "
                 "no influence?",
                 "Those outside the bounds have none: they are the ones to be filled with 0."},
       .story = "Whether true means \"keep\" or \"hide\" is the oldest quarrel about masks; here "
                "masked_fill hides. Every element was wrong, each by being the other kind."},
      {.name = "where-one-branch-twice",
       .file = choices,
       .from = "masked_fill(dy, logical_not(*mask), 0)",
       .to = "masked_fill(dy, *mask, 0)",
       .op = "where",
       .cause = Cause::swapped,
       .symptom = "Of two branches that are chosen by a mask, the first learns exactly when it "
                  "was not chosen.",
       .hints = {"The gradient of b is right. Compare the analytic gradient of a with it.",
                 "a is chosen where the mask is true. Where must its gradient be 0?",
                 "masked_fill writes 0 where its mask is true: for a that must be the places "
                 "where b was chosen."},
       .story = "Two nearly equal lines, and the negation missing in one of them: both branches "
                "were given the share of the second."},
  };
}

}  // namespace gradus::test
