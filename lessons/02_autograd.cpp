/*! \page lesson_02 Lesson 2: Autograd

\lessonhead
\needs \ref lesson_01 "lesson 1", and the slope of a product: if y = a b, then y grows by b when a
grows by 1.
\verbs
- `parameter(x)`: a tensor that wants a gradient
- `loss.backward()`: computes the gradient of every parameter
- `w.grad()`, `w.zero_grad()`: reads it, forgets it
- `record(name, value, inputs, closure)`: makes an op with a backward of your own
\builds an autograd of forty lines, and three ways to walk it back: one wrong, one slow, one right.
\usedlater in every lesson; the library's own walk is gradus::backward().
\endlessonhead

Training asks of each of a million numbers: if it grows a little, does the loss grow or shrink, and
how fast? To nudge them one by one takes a million runs of the network. _Autograd_ answers all at
once, in one walk back through what was computed.

What was computed is a graph of small steps, and the slope of a small step is school mathematics.
The chain rule puts the slopes together. Write \f$dn\f$ for \f$\partial L / \partial n\f$, how fast
the result L grows with the node n:

\f[ dn = \sum_{m \text{ uses } n} dm\, \frac{\partial m}{\partial n} \f]

In words: what a node is worth is what its users are worth, each times the slope of its step. The
sum is the whole difficulty: a node must have heard from _all_ its users before it passes anything
on.

\beside
A number that remembers how it was computed: from which inputs, and how fast it grows with each.
\source{value}

\output{02_autograd.1}

\section lesson_02_three Three ways back

\beside
Naive: what arrives is added, and the gradient passed on. But that is the gradient _so far_, and a
shared node is reached more than once. \source{naive}

\beside
One walk per path: only what has just arrived is passed on. \source{paths}

\beside
Topological order: put inputs before users, then walk from the end. When a node's turn comes, all
its users have had theirs. \source{topological}

\output{02_autograd.2}

\output{02_autograd.3}

\section lesson_02_library The library's walk

\picture{02_autograd-the-graph-of-l-u-v,The graph of section 1: read it down for the values\, and up
for the gradients. u and a have two users each.}

\output{02_autograd.4}

\beside
What `record` needs: a name, the value, the inputs, and the way back. The closure holds what it
needs for that as `saved` arrays. \source{cube}

\output{02_autograd.5}

\section lesson_02_twice Accumulate, zero, release

\output{02_autograd.6}

\output{02_autograd.7}

\papernote Frameworks like PyTorch can keep a graph for a second walk (`retain_graph`) and can
differentiate a gradient again. This library does neither: it frees as it goes.

\section lesson_02_end Proof, and your turn

\output{02_autograd.8}

\output{02_autograd.9}

\program{02_autograd}
*/
#include <cmath>
#include <set>

#include "gradus/arithmetic.h"
#include "lesson.h"

namespace gradus::lessons {
namespace {

// ---- an autograd for single numbers ----

// [value]
struct Value;
using ValuePtr = std::shared_ptr<Value>;

struct Input {
  ValuePtr node;
  double slope;  // how fast the result grows with it
};
struct Value {
  double value;
  std::vector<Input> inputs = {};  // none: a leaf
  double grad = 0;
};

ValuePtr node(double value, std::vector<Input> inputs) {
  return std::make_shared<Value>(Value{value, std::move(inputs)});
}
ValuePtr leaf(double x) { return node(x, {}); }
ValuePtr add(const ValuePtr& a, const ValuePtr& b) {
  return node(a->value + b->value, {{a, 1}, {b, 1}});
}
ValuePtr mul(const ValuePtr& a, const ValuePtr& b) {
  return node(a->value * b->value, {{a, b->value}, {b, a->value}});
}
// [value]

// Each way back starts with 1 at the root and returns how many nodes it visited.

// [naive]
int64_t naive(const ValuePtr& node, double arriving = 1) {
  node->grad += arriving;
  int64_t visits = 1;
  for (const Input& input : node->inputs) {
    visits += naive(input.node, node->grad * input.slope);
  }
  return visits;
}
// [naive]

// [paths]
int64_t paths(const ValuePtr& node, double arriving = 1) {
  node->grad += arriving;
  int64_t visits = 1;
  for (const Input& input : node->inputs) {
    visits += paths(input.node, arriving * input.slope);
  }
  return visits;
}
// [paths]

// [topological]
using Nodes = std::vector<ValuePtr>;

// Appends all that `node` was computed from, each once, and then the node.
void inputs_first(const ValuePtr& node, std::set<ValuePtr>& seen, Nodes& order) {
  if (!seen.insert(node).second) return;
  for (const Input& input : node->inputs) inputs_first(input.node, seen, order);
  order.push_back(node);
}

int64_t topological(const ValuePtr& root) {
  std::set<ValuePtr> seen;
  Nodes order;
  inputs_first(root, seen, order);
  root->grad = 1;
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    for (const Input& input : (*node)->inputs) {
      input.node->grad += (*node)->grad * input.slope;
    }
  }
  return static_cast<int64_t>(order.size());
}
// [topological]

// ---- the sections ----

// The running example: u = a b, v = u + a, L = u v.
struct Example {
  ValuePtr a = leaf(2), b = leaf(3), u = mul(a, b), v = add(u, a), L = mul(u, v);
};
double example(double a, double b) { return a * b * (a * b + a); }

void chain_rule(Lesson& lesson) {
  lesson.section("A formula is a graph of small steps");
  const Example x;
  const double a = x.a->value, b = x.b->value;
  lesson.say(
      R"(A network has millions of numbers, and training asks of each how the result would change if
      it grew a little. Autograd answers for all of them in one go. To see how, let a = {}, b = {},
      u = a b, v = u + a and L = u v. Each step is so small that its slopes are known: a product
      grows with one factor as fast as the other factor says, a sum as fast as each of its terms.)",
      a, b);
  const double slope_ua = x.u->inputs[0].slope, slope_ub = x.u->inputs[1].slope,
               slope_vu = x.v->inputs[0].slope, slope_va = x.v->inputs[1].slope,
               slope_Lu = x.L->inputs[0].slope, slope_Lv = x.L->inputs[1].slope;
  lesson.table(
      {{"node", "step", "value", "slopes of the step", "used by"},
       row("a |  | {} |  | u and v", a),
       row("b |  | {} |  | u", b),
       row("u | a b | {} | b = {} toward a, a = {} toward b | v and L", x.u->value, slope_ua,
           slope_ub),
       row("v | u + a | {} | {} toward u, {} toward a | L", x.v->value, slope_vu, slope_va),
       row("L | u v | {} | v = {} toward u, u = {} toward v | ", x.L->value, slope_Lu, slope_Lv)});
  lesson.say(
      R"(How fast does L grow with each node? Call that du for u, and so on: the gradient. The chain
      rule: for each user m of a node n take the user's gradient times the slope of its step toward
      n, written $partial m / partial n$, and add them up.)");
  lesson.equation("dn = sum_m dm * (partial m / partial n)");
  const double dL = 1, dv = dL * slope_Lv, du = dL * slope_Lu + dv * slope_vu,
               da = du * slope_ua + dv * slope_va, db = du * slope_ub;
  lesson.say("L grows with itself one to one, so dL = {}. v is used by L alone: dv = {}·{} = {}.",
             dL, dL, slope_Lv, dv);
  lesson.predict(
      "What is du?", fmt::format("{}", du),
      fmt::format("u is used by L, with slope {}, and by v, with slope {}: {}·{} + {}·{}.",
                  slope_Lu, slope_vu, dL, slope_Lu, dv, slope_vu));
  lesson.predict(
      "And da?", fmt::format("{}", da),
      fmt::format("a is used by u, with slope {}, and by v, with slope {}: {}·{} + {}·{}.",
                  slope_ua, slope_va, du, slope_ua, dv, slope_va));
  constexpr double h = 1e-3;
  const double measured_a = (example(a + h, b) - example(a - h, b)) / (2 * h),
               measured_b = (example(a, b + h) - example(a, b - h)) / (2 * h);
  lesson.say(
      R"(b is used by u alone: db = {}·{} = {}. Measured, by moving a and then b by {} up and down:
      da = {:.3f}, db = {:.3f}.)",
      du, slope_ub, db, h, measured_a, measured_b);
  lesson.check("the chain rule gives what is measured",
               std::abs(measured_a - da) < 1e-9 && std::abs(measured_b - db) < 1e-9);
}

using Backward = std::function<int64_t(const ValuePtr&)>;
const std::vector<std::pair<const char*, Backward>> ways_back{
    {"naive recursion", [](const ValuePtr& root) { return naive(root); }},
    {"one walk per path", [](const ValuePtr& root) { return paths(root); }},
    {"topological order", [](const ValuePtr& root) { return topological(root); }}};

void three_ways(Lesson& lesson) {
  lesson.section("Three ways back");
  lesson.say(
      R"(The program must do by itself what we did by hand. Naive recursion: add what arrives to the
      node's gradient, then pass the node's gradient on to its inputs. One walk per path: pass on
      only what has just arrived. Topological order: users before their inputs, each node once.)");
  viz::TableRows rows{{"way back", "du", "da", "db", "visits"}};
  std::vector<Example> walked;
  for (const auto& [name, walk] : ways_back) {
    Example& x = walked.emplace_back();
    const int64_t visits = walk(x.L);
    rows.push_back(row("{} | {} | {} | {} | {}", name, x.u->grad, x.a->grad, x.b->grad, visits));
  }
  lesson.table(rows);
  const auto right = [](const Example& x) { return x.a->grad == 48 && x.b->grad == 28; };
  const bool wrong = lesson.check("naive recursion is wrong at a and b, below the shared node",
                                  walked[0].a->grad != 48 && walked[0].b->grad != 28);
  lesson.check("the other two are right", right(walked[1]) && right(walked[2]));
  if (wrong)
    lesson.say(
        R"(Where 72 comes from: L tells u 8, and u passes 8·3 to a. Then v tells u 6, and u, now rightly at
        14, passes on 14·3: the first 8 for a second time. With 6 from v, a has
        24 + 42 + 6. Without shared nodes all three agree: a small test may miss it.)");
}

// x_0 = 1, x_{k+1} = x_k + x_k: every node is shared.
ValuePtr doubled(int depth) {
  ValuePtr x = leaf(1);
  for (int k = 0; k < depth; ++k) x = add(x, x);
  return x;
}
ValuePtr leaf_of(ValuePtr x) {
  while (!x->inputs.empty()) x = x->inputs[0].node;
  return x;
}

void how_many_visits(Lesson& lesson) {
  lesson.section("How often each node is visited");
  lesson.say(
      R"(Let x = x + x, again and again: after n times L is $2^n x$, so the true gradient is $2^n$,
      and there are $2^n$ paths from L down to x.)");
  const int64_t expected = (int64_t{1} << 21) - 1;
  lesson.predict("How many visits does one walk per path make at n = 20?",
                 fmt::format("{}", expected), "$1 + 2 + 4 + ... + 2^20 = 2^21 - 1$.");
  viz::TableRows rows{{"n", "true", "naive", "per path", "visits", "in order", "visits"}};
  bool right = true;
  for (const int n : {1, 2, 3, 20}) {
    double grad[3];
    int64_t visits[3];
    for (size_t i = 0; i < 3; ++i) {
      const ValuePtr root = doubled(n);
      visits[i] = ways_back[i].second(root);
      grad[i] = leaf_of(root)->grad;
    }
    const double truth = std::pow(2, n);
    rows.push_back(row("{} | {} | {:.4g} | {} | {} | {} | {}", n, truth, grad[0], grad[1],
                       visits[1], grad[2], visits[2]));
    right = right && grad[1] == truth && grad[2] == truth && visits[2] == n + 1 &&
            visits[1] == (int64_t{1} << (n + 1)) - 1;
  }
  lesson.table(rows);
  lesson.check("both are right; per path it takes $2 dot 2^n - 1$ visits, in order n + 1", right);
  lesson.say(
      R"(At n = 60, with a billion visits a second, one walk per path would take {:.0f} years; and
      deep networks do compute x + f(x) in each layer (lesson 12).)",
      std::pow(2, 61) / 1e9 / (365.25 * 86400));
}

// What backward visits, and the gradient that it finds there.
struct Visits : Trace {
  std::string ops;
  int count = 0;
  void on_backward(const Node& node, const Array& gradient) override {
    ops += fmt::format("{}{} {}", count++ == 0 ? "" : ", ", node.op, gradient.item());
  }
};

Tensor scalar(double x) { return parameter(Array::scalar(x, DType::float64)); }

// A random formula of sums and products, once in each notation. True if all gradients agree.
bool random_formula_agrees(Generator& generator) {
  const auto pick = [&](size_t n) {
    return static_cast<size_t>(generator.uniform() * static_cast<double>(n));
  };
  std::vector<ValuePtr> by_path, by_order;
  std::vector<Tensor> tensors;
  for (const double x : randn({3}, generator, DType::float64).to_vector()) {
    by_path.push_back(leaf(x));
    by_order.push_back(leaf(x));
    tensors.push_back(scalar(x));
  }
  for (int step = 0; step < 9; ++step) {
    const size_t i = pick(tensors.size()), j = pick(tensors.size());
    const bool product = pick(2) == 1;
    by_path.push_back(product ? mul(by_path[i], by_path[j]) : add(by_path[i], by_path[j]));
    by_order.push_back(product ? mul(by_order[i], by_order[j]) : add(by_order[i], by_order[j]));
    tensors.push_back(product ? tensors[i] * tensors[j] : tensors[i] + tensors[j]);
  }
  paths(by_path.back());
  topological(by_order.back());
  tensors.back().backward();
  for (size_t i = 0; i < 3; ++i) {
    const double ours = by_order[i]->grad, scale = 1e-12 * (1 + std::abs(ours));
    const double theirs = tensors[i].has_grad() ? tensors[i].grad().item() : 0;  // not reached
    if (!(std::abs(ours - by_path[i]->grad) <= scale && std::abs(ours - theirs) <= scale))
      return false;
  }
  return true;
}

void library(Lesson& lesson) {
  lesson.section("The library does the same with tensors");
  viz::GraphTrace graph;
  Visits seen;
  const Tensor a = scalar(2), b = scalar(3), u = a * b, v = u + a, L = u * v;
  L.backward();
  for (const auto& [tensor, name] : {std::pair(a, "a"), {b, "b"}, {u, "u"}, {v, "v"}, {L, "L"}})
    graph.name(tensor, name);
  lesson.say(
      R"(`parameter` makes a leaf, `backward` walks back, newest node first: a node is younger than
      its inputs, so its users come before it. In the same formula it visited, with the gradient of
      each: {} (leaf: a parameter, here b and then a).)",
      seen.ops);
  lesson.graph(graph, "The graph of L = u v", true);
  if (lesson.verbose()) lesson.say("Shape [] is a single number; a parameter is a leaf.");
  lesson.check("da = 48 and db = 28, in five visits",
               a.grad().item() == 48 && b.grad().item() == 28 && seen.count == 5);
  Visits deep;
  Tensor x = scalar(1);
  const Tensor x_0 = x;
  for (int k = 0; k < 20; ++k) x = x + x;
  x.backward();
  lesson.check("x = x + x, 20 times: gradient $2^20$ in 21 visits",
               x_0.grad().item() == std::pow(2, 20) && deep.count == 21);
  const int formulas = 200;
  int agree = 0;
  for (int i = 0; i < formulas; ++i) agree += random_formula_agrees(lesson.generator()) ? 1 : 0;
  lesson.check(fmt::format("{} of {} random formulas: paths, topological order and library agree",
                           agree, formulas),
               agree == formulas);
}

// [cube]
Tensor cube(const Tensor& x) {
  const Array value = x.value() * x.value() * x.value();
  return record("cube", value, {x}, [x = saved(x)](const Array& dy, Inputs in) {
    in.add(0, dy * 3.0 * *x * *x);  // dx = 3 x^2 dy
  });
}
// [cube]

void own_op(Lesson& lesson) {
  lesson.section("A step of your own");
  lesson.say(
      R"(For tensors a slope is no longer one number. So a step keeps a function, its backward:
      given dy, the gradient of its result, it adds to each input's gradient that input's share.
      `record` makes such a step; all of $y = x^3$, with $dx = 3 x^2 dy$, is the few lines of
      `cube`. Here x = [-1, 0.5, 2] and L = sum(y), so dy = 1:)");
  const Array x = Array::of({-1, 0.5, 2}, {3}, DType::float64);
  const Tensor p = parameter(x), q = parameter(x);
  sum(cube(p)).backward();
  sum(q * q * q).backward();
  lesson.show("cube: dx", p.grad());
  lesson.check("x * x * x, by two products, gives the same", Tensor(p.grad()), Tensor(q.grad()));
}

void accumulate(Lesson& lesson) {
  lesson.section("Gradients add up until you zero them");
  lesson.say(
      R"(A sum does not care which graph a share comes from. So a second `backward`, through a new
      graph of the same parameter, adds to what the first one left. Let w = 3 and $L = w^2$, so that
      dw = 2 w.)");
  const Tensor w = scalar(3);
  square(w).backward();
  const double once = w.grad().item();
  square(w).backward();
  lesson.predict(
      fmt::format("After one backward `w.grad()` is {}. And after a second graph's?", once),
      fmt::format("{}", w.grad().item()),
      fmt::format("Both shares are still there: {} + {}.", once, once));
  w.zero_grad();
  square(w).backward();
  lesson.check(fmt::format("after w.zero_grad() and a third graph it is {} again", once),
               w.grad().item() == once);
  lesson.say(
      R"(Whoever forgets to zero between two steps of training walks by the sum of all gradients so
      far: `--break=no-zero-grad`. But what does not fit in memory at once can be done in parts, say
      six rows of data as three and three, with two losses and two walks back:)");
  const Array x = lesson.randn({6, 3}), start = lesson.randn({3});
  const Tensor whole = parameter(start), halves = parameter(start);
  sum(square(Tensor(x) * whole)).backward();
  for (const int64_t half : {0, 1})
    sum(square(Tensor(x.slice(0, 3 * half, 3 * half + 3)) * halves)).backward();
  lesson.check("six rows at once, or three and three: the same gradient", Tensor(whole.grad()),
               Tensor(halves.grad()));
}

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void twice(Lesson& lesson) {
  lesson.section("Only once through a graph");
  lesson.say(
      R"(To go back, steps must keep what they saw: a product needs both its factors. That is most
      of the memory that training takes, so backward frees it as it goes. For L = sum(x * x * x) it
      is x and x * x, each a thousand numbers of 8 bytes.)");
  const Tensor x = parameter(lesson.randn({1000}));
  const Tensor loss = sum(x * x * x);
  const size_t kept = memory_stats().saved;
  loss.backward();
  lesson.check(fmt::format("kept for backward: {} bytes after the forward pass, {} after backward",
                           kept, memory_stats().saved),
               kept == 2 * 1000 * 8 && memory_stats().saved == 0);
  lesson.say("A second walk finds nothing to walk on, and says so rather than give a zero:");
  const std::string again = refusal([&] { loss.backward(); });
  lesson.text(viz::wrapped(again, 76));
  lesson.check("backward twice is an error", !again.empty());
  lesson.say(
      R"(Nor may two losses share steps and each go back. Let p = 3, $t = p^2$, and the losses 2 t
      and 5 t: add them, and go back once. dt = 2 + 5, and dp = dt · 2 p.)");
  const Tensor p = scalar(3), trunk = square(p), left = trunk * 2.0, right = trunk * 5.0;
  left.backward();
  lesson.check("backward from 5 t after backward from 2 t is an error too",
               !refusal([&] { right.backward(); }).empty());
  p.zero_grad();
  const Tensor again_trunk = square(p);
  (again_trunk * 2.0 + again_trunk * 5.0).backward();
  lesson.check("one backward from 2 t + 5 t: dp = (2 + 5) · 2 · 3 = 42", p.grad().item() == 42);
}

void teach(Lesson& lesson) {
  chain_rule(lesson);
  three_ways(lesson);
  how_many_visits(lesson);
  library(lesson);
  own_op(lesson);
  accumulate(lesson);
  twice(lesson);
  using Given = std::vector<Tensor>;
  const NamedArray a{"a", lesson.randn({5, 3})}, b{"b", lesson.randn({5, 3})};
  lesson.gradcheck("L = u v",
                   [](const Given& in) {
                     const Tensor u = in[0] * in[1], v = u + in[0];
                     return u * v;
                   },
                   {a, b});
  lesson.gradcheck("cube", [](const Given& in) { return cube(in[0]); }, {a});
  lesson.change_one_line({
      {"In lessons/02_autograd.cpp, `naive`: pass on `arriving * input.slope`.",
       "One word, and the naive row is that of `paths`; the check that expects it to be wrong "
       "fails.",
       "make lesson-02"},
      {"In lessons/02_autograd.cpp, `topological`: walk from `order.begin()` to `order.end()`.",
       "Inputs before users: only L has anything to pass on, and three checks fail.",
       "make lesson-02"},
      {"In src/autograd.cpp, `Older`: write `a->id > b->id`, the oldest node first.",
       "Section 4 stops with the error of section 7: u had its turn before v, was released, and is "
       "then reached again through v.",
       "make lesson-02"},
  });
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  using namespace gradus::lessons;
  return run(argc, argv, {.number = 2, .seconds = 0.4, .quick_seconds = 0.4}, teach);
}
