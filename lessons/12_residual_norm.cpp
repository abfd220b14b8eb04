/*! \page lesson_12 Lesson 12: Residual and LayerNorm

\lessonhead
\needs lesson 1, tensors, and lesson 2, autograd.
\verbs
- `matmul(a, b)` multiplies matrices
- `mean(x, {-1}, true)` is the mean of each row, kept as a column
- `relu(x)` makes what is negative 0
- `record(...)` makes an op with a backward of your own

\builds the two things that let a model be deep: x + f(x), and LayerNorm with its gradient.
\usedlater in every transformer, from \ref lesson_13 "lesson 13" on; the library's versions are
gradus::layer_norm and gradus::rms_norm.
\endlessonhead

A transformer is attention and small networks, a dozen times or a hundred times one on the other.
Stacked without care, such a pile does not learn at all: what comes back to the first layer has gone
through every other one. Two habits keep it trainable. Each layer _adds_ to what it was given,

\f[ y = x + f(x), \qquad \pd{y}{x} = 1 + f'(x)
    \qquad\text{(He et al. 2016)} \f]

and each layer _sees_ its input at one size:

\f[ h = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y = h \odot w + b
    \qquad\text{(Ba, Kiros and Hinton 2016, eq. 4)} \f]

with \f$\mu\f$ and \f$\sigma^2\f$ the mean and the variance of that one row, a token's C numbers.
Neither is enough alone, and the lesson measures it.

\beside
A layer here is as small as it can be. It is wired in three ways: alone, beside the path that
skips it, and beside that path with a norm in front.
\source{layer}

\output{12_residual_norm.1}

\section lesson_12_norm A row, normalised

\beside
LayerNorm in single steps. The variance divides by C, not by C - 1: it describes these very numbers,
not a population that they were drawn from.
\source{normalised}

\output{12_residual_norm.2}

\section lesson_12_back The way back

Both the mean and the standard deviation depend on every number of the row. In the variance the mean
moves too, but that part cancels:

\f[ \pd{\sigma^2}{x_i} = \frac{2}{C} (x_i - \mu) - \frac{2}{C^2} \sum_j (x_j - \mu)
                       = \frac{2}{C} (x_i - \mu), \qquad
    r = (\sigma^2 + \epsilon)^{-1/2}, \quad
    \pd{r}{x_i} = -\frac{r^3}{2}\, \pd{\sigma^2}{x_i} = -\frac{r^2 h_i}{C} . \f]

\output{12_residual_norm.3}

So the two means take out of g what points along \f$(1, \dots, 1)\f$ and along h.

\beside
The last formula, in the same letters. The gain and the shift are shared by all rows, so their
gradients are sums over the rows. \source{backward}

\section lesson_12_rms RMSNorm

\beside
Zhang and Sennrich (2019) leave out the mean, and with it one of the two terms.
\source{rms}

\output{12_residual_norm.4}

\section lesson_12_measure How it is measured

\beside
How large is the gradient with respect to x after each layer? A zero is added to x there, and the
gradient of that zero is the gradient of x. \source{pass}

\output{12_residual_norm.5}

\picture{12_residual_norm-size-of-the-gradient-powers-of-ten,One line for each wiring of the same 32
matrices. Level is what training needs.}

\beside
And does it matter? Such stacks learn a product. \source{train}

\output{12_residual_norm.6}

\papernote The paper of the transformer puts the norm after the sum, norm(x + f(x)); this lesson,
like most models today, in front of f. \ref lesson_13 "Lesson 13" compares the two. In the paper of
residual networks the relu stands after the sum, and a layer is two matrices.

\section lesson_12_edit Change one line

\output{12_residual_norm.8}

\output{12_residual_norm.7}

\program{12_residual_norm}
*/
#include <cmath>

#include "gradus/arithmetic.h"
#include "gradus/optim/optimizer.h"
#include "lesson.h"

namespace gradus::lessons {
namespace {

constexpr int64_t width = 16;
constexpr double eps = 1e-5;

// ---- layers, one on the other ----

// [normalised]
// Each row with mean 0 and variance 1.  x: (N, C) -> (N, C)
Tensor normalised(const Tensor& x) {
  const Tensor deviation = x - mean(x, {-1}, true);             // (N, C) - (N, 1)
  const Tensor variance = mean(square(deviation), {-1}, true);  // (N, 1), divided by C
  return deviation / sqrt(variance + eps);
}
// w, b: (C)
Tensor layer_norm_in_steps(const Tensor& x, const Tensor& w, const Tensor& b) {
  return normalised(x) * w + b;
}
// [normalised]

// [layer]
// A matrix, and what is negative becomes 0.  x: (N, C), w: (C, C) -> (N, C)
Tensor f(const Tensor& x, const Tensor& w) { return relu(matmul(x, w)); }

enum class Wiring { plain, residual, normed };
Tensor layer(const Tensor& x, const Tensor& w, Wiring wiring) {
  if (wiring == Wiring::plain) return f(x, w);
  if (wiring == Wiring::residual) return x + f(x, w);
  return x + f(normalised(x), w);
}
// [layer]
const std::vector<std::pair<const char*, Wiring>> wirings{
    {"plain", Wiring::plain}, {"residual", Wiring::residual}, {"with norm", Wiring::normed}};

// [backward]
// LayerNorm with its backward written out.
Tensor layer_norm_by_hand(const Tensor& x, const Tensor& w, const Tensor& b) {
  const Tensor deviation = x.detach() - mean(x.detach(), {-1}, true);
  const Tensor r = rsqrt(mean(square(deviation), {-1}, true) + eps);  // (N, 1)
  const Tensor h = deviation * r;
  return record("layer_norm_by_hand", (h * w.detach() + b.detach()).value(), {x, w, b},
                [h = saved(h), r = saved(r), w = saved(w)](const Array& dy, Inputs in) {
                  const Tensor dY(dy), H(*h), G = dY * Tensor(*w);
                  const Tensor dX =
                      Tensor(*r) * (G - mean(G, {-1}, true) - H * mean(G * H, {-1}, true));
                  in.add(0, dX.value());
                  in.add(1, sum(dY * H, {0}).value());
                  in.add(2, sum(dY, {0}).value());
                });
}
// [backward]

// [rms]
Tensor rms_norm_in_steps(const Tensor& x, const Tensor& w) {
  return x / sqrt(mean(square(x), {-1}, true) + eps) * w;
}
// [rms]

std::vector<Tensor> random_weights(Lesson& lesson, int depth) {
  std::vector<Tensor> weights;
  for (int l = 0; l < depth; ++l)
    weights.push_back(parameter(lesson.randn({width, width}) * (1 / std::sqrt(double{width}))));
  return weights;
}

std::vector<NamedArray> random_xwb(Lesson& lesson) {
  return {{"x", lesson.randn({7, 5})}, {"w", lesson.randn({5})}, {"b", lesson.randn({5})}};
}

// [pass]
double root_mean_square(const Array& a) { return std::sqrt(mean(square(Tensor(a))).item()); }

// The size of x after layer 0 (the input), 1, 2, ... and of the gradient with respect to it.
struct Passage {
  std::vector<double> x, gradient;
};
Passage pass(const Tensor& input, const std::vector<Tensor>& weights, Wiring wiring,
             const Array& dy) {
  Passage sizes;
  std::vector<Tensor> probes;  // zeros added to x: the gradient of such a zero is that of x
  Tensor x = input;
  for (size_t l = 0; l <= weights.size(); ++l) {
    if (l > 0) x = layer(x, weights[l - 1], wiring);
    probes.push_back(parameter(Array::zeros(x.shape(), DType::float64)));
    x = x + probes.back();
    sizes.x.push_back(root_mean_square(x.value()));
  }
  x.backward(dy);
  for (const Tensor& probe : probes) sizes.gradient.push_back(root_mean_square(probe.grad()));
  return sizes;
}
// [pass]

// [train]
struct Task {
  Tensor input, target;  // (64, 4), and the product of the first two numbers: (64, 1)
};
Task task(uint64_t seed) {
  Generator generator(seed, 1);
  const Tensor x(gradus::randn({64, 4}, generator, DType::float64));
  return {x, slice(x, 1, 0, 1) * slice(x, 1, 1, 2)};
}
// The mean square error after 100 steps; the same first weights for every wiring.
double train(uint64_t seed, int depth, Wiring wiring) {
  const Task data = task(seed);
  Generator generator(seed, 2);
  const auto weight = [&](const Shape& shape) {
    return parameter(gradus::randn(shape, generator, DType::float64) *
                     (1 / std::sqrt(static_cast<double>(shape[0]))));
  };
  std::vector<nn::NamedParameter> w{{"first", weight({4, width})}, {"last", weight({width, 1})}};
  for (int l = 0; l < depth; ++l) w.emplace_back(fmt::format("W{}", l), weight({width, width}));
  optim::Adam adam(w);
  for (int step = 0;; ++step) {
    for (const auto& [name, p] : w) p.zero_grad();
    Tensor x = matmul(data.input, w[0].second);
    for (size_t l = 2; l < w.size(); ++l) x = layer(x, w[l].second, wiring);
    if (wiring == Wiring::normed) x = normalised(x);
    const Tensor loss = mean(square(matmul(x, w[1].second) - data.target));
    if (step == 100) return loss.item();
    loss.backward();
    adam.step(2e-3);
  }
}
// [train]

// ---- the sections ----

void identity_path(Lesson& lesson) {
  lesson.section("The path that skips");
  lesson.say(
      R"(A deep model is a chain of layers, and the gradient comes back through all of them: one
      factor for each, the slope f' of that layer. A residual layer adds what it computes to what
      it was given, and its factor is another:)");
  lesson.equation("y = f(x),   dy/dx = df/dx");
  lesson.equation("y = x + f(x),   dy/dx = 1 + df/dx");
  const std::vector<double> slopes{0.5, -0.2, 0.1};
  viz::TableRows rows{{"layer", "f'", "product so far", "1 + f'", "product so far"}};
  double plain = 1, residual = 1;
  for (size_t l = 0; l < slopes.size(); ++l) {
    plain *= slopes[l];
    residual *= 1 + slopes[l];
    rows.push_back(row("{} | {:.1f} | {:.2f} | {:.1f} | {:.2f}", l + 1, slopes[l], plain,
                       1 + slopes[l], residual));
  }
  lesson.table(rows);
  lesson.say(
      R"(Multiplied out, $(1 + a)(1 + b) = 1 + a + b + a b$: one term for each path, through f or
      past it. The 1 is the path that skips everything; no layer can make it smaller.)");
  lesson.predict("How many paths lead through the three residual layers?",
                 fmt::format("{}", 1 << slopes.size()), "Two ways at each layer: 2·2·2.");
  lesson.say(
      R"(Now layers of 16 numbers: f(x) = relu(x W), W random with variance 1/16. The size of the
      gradient that reaches the input, for one of size 1 at the top, mean of 20 stacks:)");
  viz::TableRows deep{{"layers", "plain", "residual"}};
  double reached[2] = {0, 0};
  for (const int depth : {2, 8, 32}) {
    constexpr int trials = 20;
    reached[0] = reached[1] = 0;
    for (int trial = 0; trial < trials; ++trial) {
      const std::vector<Tensor> weights = random_weights(lesson, depth);
      const Tensor input(lesson.randn({8, width}));
      const Array dy = lesson.randn({8, width});
      for (const Wiring w : {Wiring::plain, Wiring::residual})
        reached[w == Wiring::residual] +=
            pass(input, weights, w, dy).gradient[0] / root_mean_square(dy) / trials;
    }
    deep.push_back(row("{} | {:.2g} | {:.2g}", depth, reached[0], reached[1]));
  }
  lesson.table(deep);
  lesson.check("plain: at 32 layers the gradient has vanished", reached[0] < 1e-4);
  lesson.check("residual: it has not, it has exploded", reached[1] > 1e3);
  lesson.say(
      R"(One problem is gone and another has come: each layer now adds to x, so x grows, and f(x)
      with it. What f sees must be kept at one size.)");
}

void one_row(Lesson& lesson) {
  lesson.section("A row, normalised");
  lesson.say(
      R"(LayerNorm does that for each token by itself: from its row x of C numbers it takes the mean
      away and divides by the standard deviation. A gain w and a shift b, learned, one each per
      column, can undo it where that is of use.)");
  lesson.equation("mu = 1/C sum_{j} x_j,   sigma^2 = 1/C sum_{j} (x_j - mu)^2");
  lesson.equation("h = (x - mu) / sqrt(sigma^2 + epsilon),   y = h w + b");
  const std::vector<double> x{1, 7, 7, 9};
  const auto C = static_cast<double>(x.size());
  double mu = 0, variance = 0;
  for (const double value : x) mu += value / C;
  for (const double value : x) variance += (value - mu) * (value - mu) / C;
  lesson.say("One row, C = 4, by hand. Its mean is {}.", mu);
  lesson.predict("What is its variance?", fmt::format("{}", variance),
                 "36 / 4. It divides by C; 36 / 3 would be the estimate for numbers of which these "
                 "are a sample, and here they are all there is.");
  viz::TableRows rows{{"x", "x - µ", "(x - µ)²", "h"}};
  for (const double value : x)
    rows.push_back(row("{} | {} | {} | {:.3f}", value, value - mu, (value - mu) * (value - mu),
                       (value - mu) / std::sqrt(variance + eps)));
  lesson.table(rows);
  const Tensor X(Array::of(x, {1, 4}, DType::float64));
  lesson.check("multiplied by 1000 the row gives the same h", normalised(1000 * X), normalised(X),
               1e-5);
  lesson.check("and so it does with 1000 added", normalised(X + 1000), normalised(X), 1e-9);
  lesson.say(
      R"(Epsilon, 1e-5, keeps a row of equal numbers from 0 / 0: it gives h = 0. It also sets a
      scale below which a row counts as equal:)");
  viz::TableRows small{{"row", "variance", "mean of h²"}};
  for (const double factor : {1.0, 0.01, 0.001, 0.0001})
    small.push_back(row("{} x | {:.2g} | {:.3f}", factor, factor * factor * variance,
                        mean(square(normalised(factor * X))).item()));
  lesson.table(small);
  const Tensor many(lesson.randn({7, 5})), w(lesson.randn({5})), b(lesson.randn({5}));
  lesson.check("`layer_norm_in_steps` equals the library's `layer_norm`",
               layer_norm_in_steps(many, w, b), layer_norm(many, w, b, eps));
}

void way_back(Lesson& lesson) {
  lesson.section("The way back");
  lesson.say(
      R"(Every x_i reaches every h_j of its row: directly, through the mean, and through the
      standard deviation. Write $r = 1 / sqrt(sigma^2 + epsilon)$, so h = (x - µ) r. Then)");
  lesson.equation(
      "partial mu / partial x_i = 1/C,   "
      "partial sigma^2 / partial x_i = 2 (x_i - mu) / C,   "
      "partial r / partial x_i = -r^2 h_i / C");
  lesson.say(
      R"(In σ² the mean moves too, but the deviations sum to 0, so that adds nothing. By the product
      rule on (x - µ) r, and with g = dy w for the gradient that arrives at h:)");
  lesson.equation("partial h_j / partial x_i = r ([i = j] - 1/C - h_i h_j / C)");
  lesson.equation(
      "dx_i = sum_{j} g_j partial h_j / partial x_i = r (g_i - mean(g) - h_i mean(g h))");
  lesson.say(
      R"(One term for each of the three ways: g itself, a mean for the mean, a mean for the standard
      deviation. For the row above, with a gradient g on its first number alone:)");
  const Tensor x = parameter(Array::of(std::vector<double>{1, 7, 7, 9}, {1, 4}, DType::float64));
  const Tensor h = normalised(x.detach());
  const Array g = Array::of(std::vector<double>{1, 0, 0, 0}, {1, 4}, DType::float64);
  const double mean_g = mean(Tensor(g)).item(), mean_gh = mean(Tensor(g) * h).item();
  normalised(x).backward(g);
  viz::TableRows rows{{"x", "h", "g", "g - mean(g)", "h mean(g h)", "dx"}};
  double total = 0;
  for (int64_t i = 0; i < 4; ++i) {
    total += x.grad().at({0, i});
    rows.push_back(row("{} | {:.3f} | {} | {:.3f} | {:.3f} | {:.4f}", x.value().at({0, i}),
                       h.value().at({0, i}), g.at({0, i}), g.at({0, i}) - mean_g,
                       h.value().at({0, i}) * mean_gh, x.grad().at({0, i})));
  }
  lesson.table(rows);
  lesson.predict("What is the sum of dx?", std::abs(total) < 1e-12 ? "0" : fmt::format("{}", total),
                 "To add the same number to a whole row changes nothing, so the gradient has "
                 "nothing to say in that direction.");
  lesson.check("and dx has none along h: to stretch the row changes nothing",
               std::abs(sum(Tensor(x.grad()) * h).item()) < 1e-5);
  const std::vector<NamedArray> xwb = random_xwb(lesson);
  const Array dy = lesson.randn({7, 5});
  const auto gradients = [&](auto function) {
    std::vector<Tensor> in;
    for (const NamedArray& a : xwb) in.push_back(parameter(a.value));
    function(in[0], in[1], in[2]).backward(dy);
    return std::vector<Tensor>{Tensor(in[0].grad()), Tensor(in[1].grad()), Tensor(in[2].grad())};
  };
  const auto by_hand = gradients(layer_norm_by_hand), by_graph = gradients(layer_norm_in_steps),
             library = gradients([](const Tensor&a, const Tensor&w, const Tensor&b) {
               return layer_norm(a, w, b, eps);
             });
  for (size_t i = 0; i < 3; ++i)
    lesson.check(fmt::format("d{} by hand equals autograd's, and the library's", xwb[i].name),
                 largest_difference(by_hand[i], by_graph[i]) < 1e-12 &&
                     largest_difference(by_hand[i], library[i]) < 1e-12);
}

void without_mean(Lesson& lesson) {
  lesson.section("Without the mean: RMSNorm");
  lesson.say(
      R"(LLaMA and many models since divide by the root mean square alone. One mean less on the way
      there, and one on the way back:)");
  lesson.equation(
      "h = x r,   r = 1 / sqrt(1/C sum_{j} x_j^2 + epsilon),   dx = r (g - h mean(g h))");
  const Tensor x(Array::of(std::vector<double>{1, 7, 7, 9}, {1, 4}, DType::float64)),
      ones(Array::full({4}, 1, DType::float64));
  const std::vector<std::pair<std::string, Tensor>> shown{
      {"LayerNorm(x)", normalised(x)},
      {"LayerNorm(x + 10)", normalised(x + 10)},
      {"RMSNorm(x)", rms_norm_in_steps(x, ones)},
      {"RMSNorm(x + 10)", rms_norm_in_steps(x + 10, ones)}};
  viz::TableRows rows{{"", "1", "7", "7", "9", "mean", "mean of squares"}};
  for (const auto& [name, y] : shown) {
    const std::vector<double> v = y.value().to_vector();
    rows.push_back(row("{} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | {:.3f}", name, v[0], v[1],
                       v[2], v[3], std::abs(mean(y).item()), mean(square(y)).item()));
  }
  lesson.table(rows);
  lesson.say("It keeps the mean, so adding 10 to a row is not forgotten.");
  const Tensor many(lesson.randn({7, 5})), w(lesson.randn({5}));
  lesson.check("`rms_norm_in_steps` equals the library's `rms_norm`", rms_norm_in_steps(many, w),
               rms_norm(many, w, eps));
  const Tensor centred = many - mean(many, {-1}, true);
  lesson.check("on rows of mean 0 the two norms agree", rms_norm_in_steps(centred, w),
               normalised(centred) * w);
}

void layer_by_layer(Lesson& lesson) {
  lesson.section("Layer by layer");
  lesson.say(
      R"(Put together: x + f(h), h = x normalised. f sees rows of one size however large x is. The
      same 32 matrices, wired in three ways; the size (root mean square) of x on the way up and of
      its gradient dx on the way down:)");
  const std::vector<Tensor> weights = random_weights(lesson, 32);
  const Tensor input(lesson.randn({32, width}));
  const Array dy = lesson.randn({32, width});
  std::vector<Passage> p;
  for (const auto& [name, wiring] : wirings) p.push_back(pass(input, weights, wiring, dy));
  viz::TableRows rows{
      {"layer", "x: plain", "residual", "with norm", "dx: plain", "residual", "with norm"}};
  for (const size_t l : std::vector<size_t>{0, 1, 2, 4, 8, 16, 32})
    rows.push_back(row("{} | {:.3g} | {:.3g} | {:.3g} | {:.3g} | {:.3g} | {:.3g}", l, p[0].x[l],
                       p[1].x[l], p[2].x[l], p[0].gradient[l], p[1].gradient[l], p[2].gradient[l]));
  lesson.table(rows);
  std::vector<viz::Series> curves;
  for (size_t i = 0; i < p.size(); ++i) {
    curves.push_back({.name = wirings[i].first, .x = {}, .y = {}});
    for (size_t l = 0; l < p[i].gradient.size(); ++l) {
      curves.back().x.push_back(static_cast<double>(l));
      curves.back().y.push_back(std::log10(p[i].gradient[l]));
    }
  }
  lesson.plot(curves,
              {.title = "Size of the gradient, powers of ten", .x_label = "layer", .height = 8});
  lesson.say(
      R"(With the norm inside, each layer adds about as much as the one before: x grows in proportion
      to the depth, where without it each layer multiplied. The gradient grows as mildly.)");
  lesson.check("with norm, sizes stay within a factor of 20 over 32 layers",
               p[2].x[32] < 20 * p[2].x[0] && p[2].gradient[0] < 20 * p[2].gradient[32]);
}

void trains(Lesson& lesson) {
  lesson.section("Does it train?");
  const double nothing = gradus::variance(task(lesson.seed()).target, {}, false, 0).item();
  lesson.say(
      R"(A task that no straight line solves: from 4 numbers, the product of the first two. 64
      examples, 100 steps of Adam (gradient descent that gives each weight a step size of its own).
      The mean square error after that; always to answer the mean would have {:.3f}.)",
      nothing);
  viz::TableRows rows{{"layers", "plain", "residual", "with norm"}};
  std::vector<double> error;
  for (const int depth : {4, 64}) {
    error.clear();
    for (const auto& [name, wiring] : wirings) error.push_back(train(lesson.seed(), depth, wiring));
    rows.push_back(row("{} | {:.4f} | {:.4g} | {:.4f}", depth, error[0], error[1], error[2]));
  }
  lesson.table(rows);
  lesson.say(
      R"(Four layers train in any wiring, and the plain ones are quickest. Of 64, the plain ones are
      where they began, for no gradient arrives; the residual ones began with enormous answers, and
      100 steps do not bring them down; those with the norm have learned the product.)");
  lesson.check("64 plain layers have learned next to nothing", error[0] > 0.5 * nothing);
  lesson.check("64 residual layers without a norm are worse than that", error[1] > nothing);
  lesson.check("64 residual layers with a norm have learned it", error[2] < 0.05 * nothing);
}

void teach(Lesson& lesson) {
  identity_path(lesson);
  one_row(lesson);
  way_back(lesson);
  without_mean(lesson);
  layer_by_layer(lesson);
  trains(lesson);
  const auto check = [&](const char* name, auto function) {
    lesson.gradcheck(
        name, [function](const std::vector<Tensor>& in) { return function(in[0], in[1], in[2]); },
        random_xwb(lesson));
  };
  check("layer_norm_in_steps", layer_norm_in_steps);
  check("layer_norm_by_hand", layer_norm_by_hand);
  lesson.gradcheck("rms_norm_in_steps",
                   [](const std::vector<Tensor>& in) { return rms_norm_in_steps(in[0], in[1]); },
                   {{"x", lesson.randn({7, 5})}, {"w", lesson.randn({5})}});
  for (const auto& [name, wiring] : wirings)
    lesson.gradcheck(fmt::format("two layers, {}", name),
                     [w = wiring](const std::vector<Tensor>& in) {
                       return layer(layer(in[0], in[1], w), in[2], w);
                     },
                     {{"x", lesson.randn({3, 5})},
                      {"W_1", lesson.randn({5, 5})},
                      {"W_2", lesson.randn({5, 5})}});
  lesson.change_one_line({
      {"In `layer_norm_by_hand` leave out `- mean(G, {-1}, true)`.",
       "Section 3 says that dx differs, and the gradient check shows where.", "make lesson-12"},
      {"In `normalised` divide by C - 1: `const Tensor variance = gradus::variance(x, {-1}, "
       "true);`",
       "The library disagrees, sections 3 and 4 complain, yet the gradient check passes: the right "
       "gradient of another function.",
       "make lesson-12"},
      {"In `layer` let a residual layer add less: `x + 0.1 * f(x, w)`.",
       "Nothing explodes any more and the check that expects it fails; 32 such layers train "
       "without "
       "a norm.",
       "make lesson-12"},
  });
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  using namespace gradus::lessons;
  return run(argc, argv, {.number = 12, .seconds = 0.9, .quick_seconds = 0.9}, teach);
}
