/// \file
/// Lesson 2, broken on purpose. Each function has the correct line and the broken one beside it.
#include <algorithm>
#include <cmath>

#include "../lesson.h"
#include "gradus/arithmetic.h"

namespace gradus::lessons {
namespace {

// The example of the lesson as a list, inputs before users: u = a b, v = u + a, L = u v.
struct Edge {
  size_t node, input;
  double slope;
};
enum : size_t { a, b, u, v, L, nodes };
const std::vector<Edge> edges{{u, a, 3}, {u, b, 2}, {v, u, 1}, {v, a, 1}, {L, u, 8}, {L, v, 6}};

// Visits the nodes in the given order; each passes its gradient to its inputs.
std::vector<double> walk(const std::vector<size_t>& order, bool assign = false) {
  std::vector<double> grad(nodes, 0);
  grad[L] = 1;
  for (const size_t node : order)
    for (const Edge& edge : edges) {
      if (edge.node != node) continue;
      const double share = grad[node] * edge.slope;
      grad[edge.input] = assign ? share : grad[edge.input] + share;
    }
  return grad;
}
const std::vector<size_t> newest_first{L, v, u, b, a};

std::vector<std::string> gradients_row(const char* name, const std::vector<double>& grad) {
  return row("{} | {} | {} | {} | {}", name, grad[v], grad[u], grad[a], grad[b]);
}

void no_zero_grad(Lesson& lesson) {
  const auto descend = [](bool zero, int steps, double rate) {
    const Tensor w = parameter(Array::scalar(0, DType::float64));
    Tensor moving = w;
    std::vector<double> path;
    for (int step = 0; step < steps; ++step) {
      path.push_back(w.item());
      if (zero) w.zero_grad();
      square(w - 3.0).backward();
      const NoGrad guard;
      add_in_place(moving.mutable_value(), w.grad() * -rate);
    }
    return path;
  };
  lesson.say(
      R"(Gradient descent looks for the lowest point of $(w - 3)^2$: from w = 0, again and again, it
      takes a step downhill, `w <- w - 0.1 · w.grad()`.)");
  const int steps = 1000;
  const std::vector<double> correct = descend(true, steps, 0.1),
                            broken = descend(false, steps, 0.1);
  viz::TableRows rows{{"step", "correct: w", "broken: w"}};
  for (const size_t step : {0u, 1u, 2u, 3u, 5u, 10u, 20u, 50u, 999u})
    rows.push_back(row("{} | {:.3f} | {:.3f}", step, correct[step], broken[step]));
  lesson.table(rows);
  std::vector<viz::Series> curves{{.name = "correct", .x = {}, .y = {}},
                                  {.name = "without zero_grad", .x = {}, .y = {}}};
  for (size_t step = 0; step < 60; ++step)
    for (const size_t i : {0u, 1u}) {
      curves[i].x.push_back(static_cast<double>(step));
      curves[i].y.push_back((i == 0 ? correct : broken)[step]);
    }
  lesson.plot(curves, {.title = "w", .x_label = "step", .height = 10});
  const auto swings = [](const std::vector<double>& path) {
    const auto [low, high] = std::minmax_element(path.end() - 100, path.end());
    return *low < 0.1 && *high > 5.9;
  };
  lesson.symptom("after 1000 steps it still swings between 0 and 6",
                 swings(broken) && std::abs(correct.back() - 3) < 1e-9);
  lesson.symptom("with a tenth of the step size it swings as far, only more slowly",
                 swings(descend(false, steps, 0.01)));
  lesson.say(
      R"(Each step goes by the sum of all gradients so far, like a ball that rolls without friction:
      at the lowest point it is fastest. Nothing crashes, and every share is right; most of them are just of steps long past.)");
}

// A product whose backward assigns: right for two different factors, as long as nothing arrived
// before.
Tensor careless_mul(const Tensor& x, const Tensor& y) {
  return record("careless_mul", x.value() * y.value(), {x, y},
                [x = saved(x), y = saved(y)](const Array& dy, Inputs in) {
                  if (in.wants(0)) in.buffer(0) = dy * *y;  // not += but =
                  if (in.wants(1)) in.buffer(1) = dy * *x;
                });
}

void assign_instead_of_add(Lesson& lesson) {
  const std::vector<double> correct = walk(newest_first), broken = walk(newest_first, true);
  lesson.table({{"", "dv", "du", "da", "db"},
                gradients_row("correct: +=", correct),
                gradients_row("broken: =", broken)});
  lesson.symptom("a shared node keeps only the share that came last",
                 correct[u] == 14 && broken[u] == 6 && broken[a] != correct[a]);
  lesson.say(
      R"(In an op of the library the same slip gives the right numbers with two different factors, once.
      So a gradient check walks back twice, and the second walk must add:)");
  const NamedArray x{"x", lesson.randn({5, 3})}, y{"y", lesson.randn({5, 3})};
  lesson.caught("careless_mul(x, y)",
                [](const std::vector<Tensor>& in) { return careless_mul(in[0], in[1]); }, {x, y});
  lesson.say("With one factor twice the numbers are wrong at once:");
  lesson.caught("careless_mul(x, x)",
                [](const std::vector<Tensor>& in) { return careless_mul(in[0], in[0]); }, {x});
  lesson.say(
      R"(x * x has the gradient 2x, and half of it was overwritten. `Inputs::add` can only add, and
      that is why ops hand over their shares through it.)");
}

void wrong_order(Lesson& lesson) {
  const std::vector<double> correct = walk(newest_first);
  const std::vector<double> forward = walk({a, b, u, v, L});
  const std::vector<double> near_first = walk({L, u, v, a, b});
  lesson.table({{"order", "dv", "du", "da", "db"},
                gradients_row("correct: users first (L v u b a)", correct),
                gradients_row("broken: inputs first (a b u v L)", forward),
                gradients_row("broken: nearest to L first (L u v a b)", near_first)});
  lesson.symptom("inputs first: only L had anything to pass on, and a and b hear nothing",
                 forward[a] == 0 && forward[b] == 0 && forward[u] == 8);
  lesson.symptom("nearest first: u is right in the end, but passed on 8 before v told it 6 more",
                 near_first[u] == 14 && near_first[b] == 16 && near_first[a] == 30);
  lesson.say(
      R"(The second is the treacherous one: u and v are both one step from L by the shortest way,
      but v uses u, so u must wait. A walk by distance is right for every chain and every tree.)");
}

}  // namespace

std::vector<Break> breaks() {
  return {{"no-zero-grad", "Descent never calls zero_grad.", no_zero_grad},
          {"assign-instead-of-add", "A share is assigned to the gradient, not added.",
           assign_instead_of_add},
          {"wrong-order", "The walk back does not visit users before their inputs.", wrong_order}};
}

}  // namespace gradus::lessons
