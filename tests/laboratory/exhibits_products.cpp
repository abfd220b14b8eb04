// Mistakes in products: linear, matmul, attention, rotations, convolution, pooling.
#include "laboratory/exhibits.h"

namespace gradus::test {
namespace {

const std::string linear = "src/ops/linear.cpp";
const std::string attention = "src/ops/attention.cpp";
const std::string attention_kernel = "src/kernels/isa/attention.cpp";
const std::string convolution = "src/ops/conv.cpp";
const std::string pooling = "src/ops/pool.cpp";
const std::string sdpa = "scaled_dot_product_attention";

}  // namespace

std::vector<Exhibit> exhibits_of_products() {
  return {
      {.name = "linear-bias-averaged",
       .file = linear,
       .from = "if (in.wants(2)) in.add(2, sum(dy, {0}));",
       .to = "if (in.wants(2)) in.add(2, sum(dy, {0}) / static_cast<double>(dy.size(0)));",
       .op = "linear",
       .cause = Cause::mean_or_sum,
       .symptom = "Biases learn more slowly than weights, the larger the batch the slower.",
       .hints = {"a and b are right, c is wrong by one factor in each case. Find the factor among "
                 "the sizes of a and their products.",
                 "How many rows does the bias have an influence on, and what becomes of their "
                 "shares?",
                 "db is the sum of the rows of dy. The mean, if there is one, is the loss's "
                 "business."},
       .story = "If the loss is a mean over the batch, dy has been divided already. Dividing again "
                "in an op makes its gradient depend on how the batch was cut."},
      {.name = "tied-weight-counted-once",
       .file = linear,
       .from = "gemm_accumulate(in.buffer(i), a, b);",
       .to = "in.buffer(i) = gemm(a, b);",
       .op = "linear",
       .cause = Cause::counted_once,
       .symptom = "A weight that is used in two layers learns as if only the first of them used "
                  "it.",
       .hints = {"Read what the check says of a second backward. In the cases called \"twice\" one "
                 "weight gets two shares in a single one, and its numbers are wrong.",
                 "Two shares arrive for one gradient. What happens to the one that came before?",
                 "add_product has a branch for the case that a share is there already."},
       .story = "A second share replaced the first. Embeddings tied to the output layer have just "
                "this pattern: the model trains, and is a little worse for ever."},
      {.name = "matmul-transpose-forgotten",
       .file = "src/ops/matmul.cpp",
       .from = "gemm(dy, transposed(*b))",
       .to = "gemm(dy, *b)",
       .op = "matmul",
       .cause = Cause::transposed,
       .symptom = "Most products stop with an error in backward. With square matrices nothing "
                  "complains, and the numbers are wrong.",
       .hints = {"Read the error: which two shapes do not fit? Then write the shapes of a, b, y "
                 "and dy beside each other.",
                 "da has a's shape, (n, k). It is made of dy, (n, m), and of b, (k, m)...",
                 "...so b has to be turned round: da = dy bT."},
       .story = "Shapes are the best proof-readers of matrix calculus, until all of them are the "
                "same. Test with sizes that differ."},
      {.name = "attention-scale-lost",
       .file = attention_kernel,
       .from = "store_next(dp + j, tile.head.scale * ds, n - j);",
       .to = "store_next(dp + j, ds, n - j);",
       .op = sdpa,
       .cause = Cause::scale,
       .symptom = "Attention's queries and keys get gradients that are too large, the more so the "
                  "wider the heads.",
       .hints = {"c, the values, is right. For a and b the ratio of analytic to numeric is one "
                 "number: square it.",
                 "The scores are q . k divided by something. Which gradient has to be divided, "
                 "too?",
                 "dS is the gradient of the scaled scores; that of q . k is scale times it."},
       .story = "The famous 1/sqrt(d) has to appear in both directions. Adam hides the mistake, "
                "because it divides by the size of the gradient anyway."},
      {.name = "attention-jacobian-cut",
       .file = attention_kernel,
       .from = "load_next(dp + j, n - j) - d;",
       .to = "load_next(dp + j, n - j);",
       .op = sdpa,
       .cause = Cause::diagonal,
       .symptom = "A query that sees a single key cannot change its weights, and yet it gets a "
                  "gradient.",
       .hints = {"The values are right; queries, keys and the bias are wrong. What do these three "
                 "have in common?",
                 "They reach the result through the softmax. Its gradient has two terms.",
                 "dS = P (dP - D), with D the row's sum of P dP: where is D used?"},
       .story = "Softmax's Jacobian again, without the term that ties a row together. D was "
                "computed with care, and then not subtracted."},
      {.name = "attention-bias-scaled",
       .file = attention_kernel,
       .from = "store_next(d_bias + j, ds, n - j);",
       .to = "store_next(d_bias + j, tile.head.scale * ds, n - j);",
       .op = sdpa,
       .cause = Cause::scale,
       .symptom = "Learned relative positions move too slowly, the wider the heads the slower.",
       .hints = {"Only d, the bias, is wrong, and by one factor in all of its elements.",
                 "scores = scale q . k + bias. Which of the two is scaled?",
                 "The bias is added after the scaling: its gradient is dS itself."},
       .story = "ds and scale ds stand in neighbouring lines; each has its own reader."},
      {.name = "attention-shared-heads",
       .file = attention,
       .from = ".accumulate = h % in.size.group > 0,",
       .to = ".accumulate = false,",
       .op = sdpa,
       .cause = Cause::broadcast,
       .symptom = "With grouped queries, keys and values learn from one of their query heads only.",
       .hints = {"Only the cases called \"grouped\" are wrong, and of them only b and c.",
                 "Several query heads read the same keys. What must happen to the gradients that "
                 "they send back?",
                 "They are summed: the first head of a group writes, the others add."},
       .story = "Shared keys and values are a broadcast in disguise, and a broadcast is summed on "
                "the way back. Here the last head of each group had the last word."},
      {.name = "rotary-not-turned-back",
       .file = "src/ops/rotary.cpp",
       .from = "turned(dy, {*c, *s}, pairs, -1)",
       .to = "turned(dy, {*c, *s}, pairs, 1)",
       .op = "rotary_embedding",
       .cause = Cause::transposed,
       .symptom = "The first position learns well, the later ones learn in directions that have "
                  "little to do with their error.",
       .hints = {"Position 0 is right, the others are not, yet each pair of gradients has the "
                 "right length.",
                 "A pair is turned by an angle. By which angle has its gradient to be turned?",
                 "The transpose of a rotation is the rotation by the opposite angle."},
       .story = "dx = RT dy, and here it was R dy. At position 0 the angle is 0 and R its own "
                "transpose: a test with one token proves nothing."},
      {.name = "conv-last-image",
       .file = convolution,
       .from = "product<T>(dW, dY, columns.transposed(), true)",
       .to = "product<T>(dW, dY, columns.transposed())",
       .op = "conv2d",
       .cause = Cause::broadcast,
       .symptom = "A convolution learns from a batch as if it had seen its last image only.",
       .hints = {"b, the weight, is right in the cases with one image, a and c are right in all.",
                 "dW is a sum over the images. Which argument of the product says \"add\"?",
                 "dx may be written anew for each image; dW has to accumulate."},
       .story = "BLAS calls it beta: C = A B, or C += A B. One flag decides whether a batch is "
                "summed or its last image wins."},
      {.name = "max-pool-overwrites",
       .file = pooling,
       .from = "to[won[o]] += g[o];",
       .to = "to[won[o]] = g[o];",
       .op = "max_pool2d",
       .cause = Cause::some_places,
       .symptom = "Pooling is right as long as the windows do not overlap.",
       .hints = {"Compare the verdicts of the cases by their stride: which are right?",
                 "With a stride of 1 a large element can win several windows. What does it get?",
                 "dx_i is the sum of dy over the windows that i won: each adds its share."},
       .story =
           "Assignment in the place of accumulation, in the very case that the common setting, "
           "stride = size, never meets."},
      {.name = "avg-pool-not-divided",
       .file = pooling,
       .from = "const Array dy = (dy_any * share).contiguous();",
       .to = "const Array dy = dy_any.contiguous();",
       .op = "avg_pool1d",
       .cause = Cause::mean_or_sum,
       .symptom = "Layers below an average pooling learn several times too fast, and the larger "
                  "the window the more.",
       .hints = {"The ratio of analytic to numeric is constant in each case. Compare it with the "
                 "case's name.",
                 "Every output is a mean over the taps of its window.",
                 "Each tap has 1/K of the influence: share is used in forward; and in backward?"},
       .story = "The forward pass was divided by the window's size, the backward pass was not: a "
                "mean one way, a sum the other."},
  };
}

}  // namespace gradus::test
