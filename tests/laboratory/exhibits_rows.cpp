// Mistakes in ops whose elements share a row: softmax, normalisation, reductions.
#include "laboratory/exhibits.h"

namespace gradus::test {
namespace {

const std::string kernels = "src/kernels/isa/rows.cpp";
const std::string norms = "src/ops/norm.cpp";
const std::string reductions = "src/ops/reduce.cpp";

}  // namespace

std::vector<Exhibit> exhibits_of_rows() {
  return {
      {.name = "softmax-diagonal",
       .file = kernels,
       .from = "return times(p, g - dot);",
       .to = "return times(p, g - p * g);",
       .op = "softmax",
       .cause = Cause::diagonal,
       .symptom = "Raising one logit should lower the probability of all the others; the gradient "
                  "knows nothing of that.",
       .hints = {"Add up the analytic gradient along a row. Softmax does not change if a number is "
                 "added to the whole row: the sum must be 0.",
                 "Each probability depends on every logit of its row. Which term of dx_i mentions "
                 "the other elements?",
                 "dx_i = y_i (dy_i - sum_j y_j dy_j). The sum is computed, and then?"},
       .story = "This is the sigmoid's derivative, y (1 - y) dy: the diagonal of softmax's "
                "Jacobian without the rest, -y_i y_j. Textbooks that print only the diagonal "
                "case made it popular."},
      {.name = "log-softmax-own-share",
       .file = kernels,
       .from = "return g - exp<T>(v) * total;",
       .to = "return -exp<T>(v) * total;",
       .op = "log_softmax",
       .cause = Cause::residual,
       .symptom = "All logits of a row are pushed the same way, the right class included.",
       .hints = {"Subtract numeric from analytic, and look for the result among the numbers that "
                 "were there before: x, y, and the gradient that arrives.",
                 "y_i = x_i - log sum_k exp(x_k). In how many places does x_i occur?",
                 "In two: the plain x_i passes dy_i on unchanged."},
       .story = "x reaches y straight, and through the sum. The second path is the interesting one "
                "to derive, and the plain one was forgotten over it."},
      {.name = "log-softmax-log-for-probability",
       .file = kernels,
       .from = "g - exp<T>(v) * total",
       .to = "g - v * total",
       .op = "log_softmax",
       .cause = Cause::forward_value,
       .symptom = "A classifier trained on log-probabilities diverges within a few steps, "
                  "the faster the surer it is.",
       .hints = {"In each row the error is largest where the log-probability is most negative.",
                 "The second term of dx needs the probabilities. What has been saved?",
                 "y is the logarithm of the probability: it needs an exp."},
       .story = "What forward kept is log s, and the formula wants s. The same name, y, "
                "for both in two neighbouring functions invites it."},
      {.name = "cross-entropy-without-minus-one",
       .file = kernels,
       .from = "dx[target[i]] -= g * (T(1) - smoothing);",
       .to = "if (smoothing > T(0)) dx[target[i]] -= g * (T(1) - smoothing);",
       .op = "cross_entropy",
       .cause = Cause::some_places,
       .symptom = "Training lowers every logit, that of the right class too; with label smoothing "
                  "switched on it works.",
       .hints = {"Count the wrong elements of each row, and compare the cases that are smoothed "
                 "with those that are not.",
                 "dx = softmax(x) - q, where q is 1 at the target. The rows are right everywhere "
                 "but at one place.",
                 "At the target dx is softmax - 1, whether the labels are smoothed or not."},
       .story = "The minus one is the whole teaching signal: without it nothing says which class "
                "was right. A condition meant for the smoothed case had swallowed it."},
      {.name = "label-smoothing-share",
       .file = kernels,
       .from = "share = g * (smoothing / n);",
       .to = "share = g * smoothing;",
       .op = "cross_entropy",
       .cause = Cause::missing_mean,
       .symptom = "With label smoothing all logits drift upwards together, slowly, without end.",
       .hints = {"Only the smoothed cases are wrong. Subtract numeric from analytic along a row.",
                 "Smoothing takes a share from the target and gives it to all n classes. How "
                 "much for each?",
                 "q_j = s / n for every class: the gradients of a row must add up to 0."},
       .story = "A mean over the classes was taken for a sum. The error was the same for the whole "
                "row, which the probabilities do not feel, but the logits do."},
      {.name = "layer-norm-first-mean",
       .file = kernels,
       .from = "g * w - mean_g - (v - m)",
       .to = "g * w - (v - m)",
       .op = "layer_norm",
       .cause = Cause::missing_mean,
       .symptom = "Adding a number to a whole row changes nothing after LayerNorm; the gradient "
                  "says that it would.",
       .hints = {"rms_norm, which uses the same loop, is right. In layer_norm the error is the "
                 "same all along a row.",
                 "x reaches the result directly, through the mean, and through the standard "
                 "deviation: three terms.",
                 "dx = rstd (g - mean(g) - xhat mean(g xhat)): count the terms of the line."},
       .story = "The mean depends on every x, so each x has a share in it. Treating it as a "
                "constant is the most common mistake in hand-written LayerNorms."},
      {.name = "rms-norm-statistic-constant",
       .file = kernels,
       .from = "(g * w - mean_g - (v - m) * r * mean_g_xhat)",
       .to = "(g * w - mean_g)",
       .op = "rms_norm",
       .cause = Cause::missing_mean,
       .symptom = "Making a whole row longer changes nothing after RMSNorm; the gradient pushes "
                  "it to grow.",
       .hints = {"Divide the error by the input, element by element: along a row it is always the "
                 "same number.",
                 "1/rms(x) was treated as a constant. How does it change with x?",
                 "The term xhat mean(g xhat) is missing from dx."},
       .story = "The second of the two means: the scale of the row depends on every x in it. "
                "Without this term the gradient has a part along x, which RMSNorm can never "
                "use."},
      {.name = "layer-norm-rstd-lost",
       .file = kernels,
       .from = "return r * (g * w - mean_g - (v - m) * r * mean_g_xhat);",
       .to = "return g * w - mean_g - (v - m) * r * mean_g_xhat;",
       .op = "layer_norm",
       .cause = Cause::row_factor,
       .symptom = "Rows with large numbers learn too fast, rows with small ones too slowly: the "
                  "gradient does not depend on how large the input is.",
       .hints = {"The ratio of analytic to numeric is the same all along a row, and another in "
                 "the next row.",
                 "Every row was divided by something of its own in the forward pass.",
                 "xhat = (x - mean) rstd: the factor rstd stands before the whole bracket of dx."},
       .story = "The bracket is the hard part of the derivation, and the factor before it got lost "
                "when it was copied into code."},
      {.name = "layer-norm-bias-overwritten",
       .file = kernels,
       .from = "store_next(dbias + j, load_next(dbias + j, left) + dy_j, left)",
       .to = "store_next(dbias + j, dy_j, left)",
       .op = "layer_norm",
       .cause = Cause::broadcast,
       .symptom = "With a batch of one the bias learns as it should; with more only the last row "
                  "seems to teach it.",
       .hints = {"Compare the cases with a single row with those that have several: c, the bias, "
                 "is right in one kind.",
                 "The bias is added to every row, so its gradient is a sum over the rows.",
                 "dbias must keep what the rows before have put there, as dweight does."},
       .story = "A store where an addition was meant: = for +=. What is repeated in the forward "
                "pass is summed in the backward pass, always."},
      {.name = "layer-norm-epsilon-outside",
       .file = kernels,
       .from = "rstd[i] = r;",
       .to = "rstd[i] = T(1) / (sqrt_of(variance) + eps);",
       .op = "layer_norm",
       .cause = Cause::nearly,
       .symptom = "Everything trains. Against PyTorch the gradients of LayerNorm agree to five "
                  "digits and no more.",
       .hints = {"The errors are tiny, but ten thousand times larger than those of right "
                 "gradients: a small constant is in the wrong place.",
                 "Which small constant does LayerNorm have, and in which two places of the "
                 "forward loop is it used?",
                 "What is saved for backward must be the rstd that y was made with: epsilon "
                 "belongs under the root."},
       .story = "1/sqrt(var + eps) in forward, 1/(sqrt(var) + eps) saved for backward. A tolerance "
                "of 1e-4 would never have seen it; in a row of nearly equal numbers it is a "
                "factor."},
      {.name = "batch-norm-modes-exchanged",
       .file = norms,
       .from = "if (of_the_batch) g =",
       .to = "if (!of_the_batch) g =",
       .op = "batch_norm",
       .cause = Cause::missing_mean,
       .symptom = "In training the gradient treats mean and variance as constants; in evaluation, "
                  "where they are, it does not.",
       .hints = {"All cases are wrong, also those in which the statistics are given. How does the "
                 "error change along axis 0?",
                 "dx has two terms more where the statistics come from the batch itself.",
                 "Look at the condition before those terms."},
       .story = "Training and evaluation exchanged. In each mode the forward pass was right: such "
                "a bug costs accuracy, not a crash."},
      {.name = "batch-norm-wrong-axis",
       .file = norms,
       .from = "g = g - mean_channels(g) -",
       .to = "g = g - sum(g, {1}, true) / static_cast<double>(channels) -",
       .op = "batch_norm",
       .cause = Cause::missing_mean,
       .symptom = "BatchNorm's input gradient mixes the channels, though no channel can influence "
                  "another.",
       .hints = {"Only a, the input, is wrong. Add up its analytic gradient over everything but "
                 "axis 1: each channel must give 0.",
                 "The statistics are taken over all axes but that of the channels. Over which axis "
                 "does each mean in dx run?",
                 "One of the two means runs over axis 1, across the channels."},
       .story = "A mean over the wrong axis: the shape fits by broadcasting, so nothing complains. "
                "Dimensions that are different odd primes do not help here; numbers do."},
      {.name = "std-factor-of-the-square",
       .file = reductions,
       .from = "quotient_or_zero(dy * s, *y)",
       .to = "quotient_or_zero(dy * (2 * s), *y)",
       .op = "standard_deviation",
       .cause = Cause::counted_twice,
       .symptom = "A penalty on the standard deviation acts as if it had been given twice its "
                  "weight.",
       .hints = {"The ratio of analytic to numeric is one number, in every case.",
                 "y is the root of the variance. Which factor does the root's derivative bring?",
                 "The 2 of the square and the 1/2 of the root cancel."},
       .story = "The line was copied from the variance above it, where the 2 is right. y = "
                "sqrt(var) gives dvar = dy / (2 y), and takes it away again."},
      {.name = "mean-not-divided",
       .file = reductions,
       .from = "const Array g = scale == 1 ? dy : dy * scale;",
       .to = "const Array g = dy;",
       .op = "mean",
       .cause = Cause::mean_or_sum,
       .symptom = "With a batch twice as large the steps become twice as large, though the loss is "
                  "a mean.",
       .hints = {"The ratio of analytic to numeric is constant in each case. Find it among the "
                 "sizes of the case's shape.",
                 "Forward divides by the number of elements. Does backward?",
                 "dx = dy / n: what forward multiplies by, backward multiplies by as well."},
       .story = "sum and mean share their code, and the scale was used in one direction only. The "
                "learning rate had silently become proportional to the batch."},
      {.name = "variance-not-centred",
       .file = reductions,
       .from = "[d = saved(d), kept = r.kept, s]",
       .to = "[d = saved(x.value()), kept = r.kept, s]",
       .op = "variance",
       .cause = Cause::missing_mean,
       .symptom = "The gradient of a variance changes when a constant is added to all elements; "
                  "the variance does not.",
       .hints =
           {"Subtract numeric from analytic: within what is reduced together, the error is one "
            "number.",
            "dx_i = 2 s dy d_i, with d_i the distance from the mean. Where does d come from?",
            "The closure keeps x itself under the name d."},
       .story =
           "A wrong tensor saved under the right name. Had the data been centred, as test data "
           "often is, x and x - mean would have been the same."},
      {.name = "logsumexp-not-normalised",
       .file = reductions,
       .from = "in.add(0, quotient_or_zero(dy.reshape(t->shape()), *t) * *e);",
       .to = "in.add(0, dy.reshape(t->shape()) * *e);",
       .op = "logsumexp",
       .cause = Cause::row_factor,
       .symptom = "The gradient of logsumexp should be a set of weights that add up to 1; here "
                  "they add up to something else in each row.",
       .hints = {"The ratio of analytic to numeric is constant within what is reduced together, "
                 "and differs from row to row.",
                 "The derivative of log t is 1/t, that of t is e_i. Which of them is missing?",
                 "dx_i = dy e_i / t: t has been saved, and is only asked for its shape."},
       .story = "The outer derivative of log(sum(exp(x))) forgotten: what is left is the softmax "
                "before its division."},
      {.name = "cumsum-same-direction",
       .file = reductions,
       .from = "running_sums(r, dy, true)",
       .to = "running_sums(r, dy, false)",
       .op = "cumsum",
       .cause = Cause::transposed,
       .symptom = "The first element of a running sum is in all of the results, and yet it learns "
                  "from the first of them only.",
       .hints = {"Right are only the cases where the axis has one element. Take two by hand: y_0 = "
                 "x_0, y_1 = x_0 + x_1. What is dx_0, what is dx_1?",
                 "x_0 is part of every y_i, the last x of one only. From which end must the "
                 "gradients be summed?",
                 "Backward runs from the end: the last argument of running_sums."},
       .story = "The Jacobian of cumsum is a triangle of ones, and backward needs its transpose, "
                "the other triangle. Forgetting a transpose need not look like a matrix."},
  };
}

}  // namespace gradus::test
