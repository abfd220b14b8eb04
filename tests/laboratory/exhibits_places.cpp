// Mistakes in losses, in where numbers come from and go to, and in how gradients are accumulated.
#include "laboratory/exhibits.h"

namespace gradus::test {
namespace {

const std::string losses = "src/ops/loss.cpp";
const std::string indices = "src/ops/index.cpp";
const std::string copies = "src/ops/rearrange.cpp";

}  // namespace

std::vector<Exhibit> exhibits_of_places() {
  return {
      {.name = "mse-target-sign",
       .file = losses,
       .from = "static T dz(T x, T z) { return 2 * (z - x); }",
       .to = "static T dz(T x, T z) { return 2 * (x - z); }",
       .op = "mse_loss",
       .cause = Cause::sign,
       .symptom = "Two networks that are to agree, each the other's target, never meet: the one "
                  "flees as fast as the other comes nearer.",
       .hints = {"a is right, b is not: compare the two numbers of its worst element.",
                 "The loss has a slope in each of its arguments. How are they related?",
                 "(x - z)^2 depends on the difference: its two slopes are opposite."},
       .story = "Targets rarely want a gradient, so nobody had looked. In distillation and "
                "in self-supervised training they do."},
      {.name = "bce-far-branch",
       .file = losses,
       .from = "return x > 0 ? (1 - z) - 1 / (1 + std::exp(x))",
       .to = "return x > 0 ? 1 / (1 + std::exp(x)) - z",
       .op = "binary_cross_entropy_with_logits",
       .cause = Cause::one_branch,
       .symptom = "Examples that are classified as negative learn well, the positive ones hardly, "
                  "or the wrong way.",
       .hints = {"Some elements of a are right. Sort all of them by the logit.",
                 "The slope sigmoid(x) - z is written in two forms, one for each sign of x. Put "
                 "x = 3 into both.",
                 "1 / (1 + e^x) is sigmoid(-x), and sigmoid(x) = 1 - sigmoid(-x)."},
       .story = "Rewriting a formula so that nothing overflows doubles the places where a sign "
                "can hide. Each branch needs inputs of its own in the test."},
      {.name = "kl-plus-one",
       .file = losses,
       .from = "return std::log(z) - x + 1;",
       .to = "return std::log(z) - x;",
       .op = "kl_div",
       .cause = Cause::residual,
       .symptom = "A target distribution that is learned through the KL divergence is off by the "
                  "same push on all of its elements.",
       .hints = {"Only b, the target, is wrong. In the case \"none\", compare the error with the "
                 "gradient that arrives.",
                 "The loss is z (log z - x). It is a product: how many terms has its derivative "
                 "in z?",
                 "d(z log z)/dz = log z + 1: the second factor depends on z as well."},
       .story = "The product rule, half of it: z d(log z) = 1 was overlooked. As the targets add "
                "up to 1, a softmax below would even have hidden it."},
      {.name = "cosine-without-projection",
       .file = losses,
       .from =
           "return (other - cosine * (a / at_least(smallest, length))) / at_least(eps, length);",
       .to = "return other / at_least(eps, length);",
       .op = "cosine_similarity",
       .cause = Cause::missing_mean,
       .symptom = "Training on cosine similarity makes the vectors longer and longer, though their "
                  "length plays no part in it.",
       .hints = {"Take the dot product of a vector with its analytic gradient: it must be 0, "
                 "because only the angle matters.",
                 "The vector is divided by its length. Who takes into account that the length "
                 "changes with it?",
                 "d cos / da = (b/m - cos a/n) / n: the part along a itself is taken away."},
       .story = "The length was treated as a constant, as the standard deviation is in a LayerNorm "
                "that forgets its means: the same mistake."},
      {.name = "embedding-copy",
       .file = "src/ops/embedding.cpp",
       .from = "Array& buffer = in.buffer(0);",
       .to = "Array buffer = in.buffer(0).clone();",
       .op = "embedding",
       .cause = Cause::never_added,
       .symptom = "The embedding table never changes; the rest of the model learns around it.",
       .hints = {"What does analytic say, at every element of every case?",
                 "The loop adds into something. Is that the table's gradient?",
                 "in.buffer lends the gradient itself: what is added to a copy of it is lost."},
       .story = "A copy in the place of a reference: the sum was computed, and thrown away. The "
                "loss fell all the same, since the other layers learned."},
      {.name = "gather-same-place-twice",
       .file = indices,
       .from = "out[row * outside_.n + index[at + j]] += in[at + j];",
       .to = "out[row * outside_.n + index[at + j]] = in[at + j];",
       .op = "gather",
       .cause = Cause::some_places,
       .symptom = "Elements that are looked up once learn as they should, those looked up several "
                  "times too little.",
       .hints = {"Which elements are wrong? Look at the indices of a small case in "
                 "tests/ops/table_index.cpp.",
                 "Taking copies a number to several places. What is the way back?",
                 "The gradients of all places that an element was copied to are added up in "
                 "Along::put."},
       .story = "A scatter that overwrites. scatter_add's values were wrong as well, since it "
                "uses the same loop: taking and putting are each other's gradients."},
      {.name = "scatter-add-in-place",
       .file = indices,
       .from = "const Array y = x.value().clone();",
       .to = "const Array y = x.value();",
       .op = "scatter_add",
       .cause = Cause::overwritten,
       .symptom = "Computing a loss twice from the same tensors gives two different numbers.",
       .hints = {"The gradient is not even compared: read the reason that the check gives.",
                 "An Array is a handle to shared memory. After y = x, who owns the numbers that "
                 "are written to?",
                 "scatter_add begins with a copy of x, to which it then adds: it needs one."},
       .story = "In-place writing on somebody else's memory. The gradients were right, and the "
                "data was not any more. Every op but the optimisers leaves its inputs alone."},
      {.name = "concat-forgets-the-offset",
       .file = copies,
       .from = "in.add(i, dy.slice(along, begin, begin + sizes[i]));",
       .to = "in.add(i, dy.slice(along, 0, sizes[i]));",
       .op = "concat",
       .cause = Cause::swapped,
       .symptom = "Of features that are joined side by side, the first learn well; all others "
                  "learn what is meant for the first.",
       .hints = {"a is right, b is not. Do you know its analytic gradient from somewhere?",
                 "Each part gets the piece of dy that it filled. Where does its piece begin?",
                 "begin is advanced by the loop: the slice must start there."},
       .story = "The first part starts at 0, and a test with one part, or one that looks at the "
                "first only, sees nothing."},
      {.name = "transpose-by-reshape",
       .file = "src/ops/shape.cpp",
       .from = "in.add(0, dy.transpose(axis_a, axis_b));",
       .to = "in.add(0, dy.reshape(dy.transpose(axis_a, axis_b).shape()));",
       .op = "transpose",
       .cause = Cause::misplaced,
       .symptom = "Multi-head attention written with transposes trains badly; all shapes are "
                  "right.",
       .hints = {"Look for the analytic number of the worst element among the numeric ones.",
                 "A transpose and a reshape can give the same shape. In which order do they leave "
                 "the numbers?",
                 "The way back of a transpose is the same transpose; a reshape keeps the order in "
                 "memory."},
       .story = "view for transpose is the classic of attention code: every shape check passes, "
                "and every number is in another head."},
      {.name = "flip-first-axis",
       .file = copies,
       .from = "in.add(0, flipped(dy, axes));",
       .to = "in.add(0, flipped(dy, {0}));",
       .op = "flip",
       .cause = Cause::misplaced,
       .symptom = "Flipping images left to right, to have more of them, turns their gradients "
                  "upside down.",
       .hints = {"Which cases are right? Compare their names.",
                 "A flip is undone by the same flip. Along which axes?",
                 "The axes are captured by the closure, and not used."},
       .story = "The wrong axis: written for the first test, where the axis was 0."},
      {.name = "shares-replace-each-other",
       .file = "src/autograd.cpp",
       .from = "add_in_place(node.grad, g);",
       .to = "node.grad = std::move(g);",
       .op = "add",
       .cause = Cause::counted_once,
       .symptom = "Whatever is used twice learns from its last use only: tied weights, "
                  "recurrent weights, a + a.",
       .hints = {"Read what the check says of a second backward, and look at the case \"add "
                 "itself\": what is the ratio there?",
                 "The op is innocent: it hands out dy twice. Who receives the shares?",
                 "Inputs::add in autograd.cpp: the first share is stored, later ones are added "
                 "to it."},
       .story = "The sum over all uses is the multivariate chain rule, and this line is where it "
                "lives. Every op may be right and a shared weight still wrong."},
  };
}

}  // namespace gradus::test
