// Ops on elements and choices among them.
#include <cmath>

#include "fuzz/graph/program.h"
#include "gradus/ops.h"

namespace gradus::test::fuzz {
namespace {

void smooth(Builder& b, const char* name) {
  const int x = b.pick();
  b.add({x}, [=](const Pool& p) { return elementwise(name, p[x]); });
}

void kinked_at_zero(Builder& b, const char* name) {
  const int x = b.pick();
  if (b.is_away(x)) b.add({x}, [=](const Pool& p) { return elementwise(name, p[x]); });
}

void of_positive(Builder& b, const char* name) {
  const int x = b.pick(), y = b.positive(x);
  b.add({y}, [=](const Pool& p) { return elementwise(name, p[y]); });
}

// Of two that broadcast, in either order.
template <class F>
void pair(Builder& b, F f) {
  const int x = b.pick(), y = b.partner(x);
  const bool turned = b.chance(2);
  const int first = turned ? y : x, second = turned ? x : y;
  b.add({first, second}, [=](const Pool& p) { return f(p[first], p[second]); });
}

void divide(Builder& b, const char*) {
  const int x = b.pick(), some = b.partner(x), y = b.positive(some);
  b.add({x, y}, [=](const Pool& p) { return p[x] / p[y]; });
}

void with_number(Builder& b, const char*) {
  const int x = b.pick();
  const int64_t how = b.size(0, 3);
  b.add({x}, [=](const Pool& p) {
    return how == 0 ? p[x] + 0.75 : how == 1 ? 1.5 - p[x] : how == 2 ? p[x] * -1.25 : p[x] / 1.5;
  });
}

void power(Builder& b, const char*) {
  const int some = b.pick(), x = b.positive(some), y = b.partner(x);
  b.add({x, y}, [=](const Pool& p) { return pow(p[x], p[y]); });
}

void power_of_number(Builder& b, const char*) {
  const int x = b.pick();
  const int64_t exponent = b.size(0, 3);
  b.add({x}, [=](const Pool& p) { return pow(p[x], static_cast<double>(exponent)); });
}

// Where two are nearly equal, the larger is a kink.
template <class F>
void larger(Builder& b, F f) {
  const int x = b.pick(), y = b.partner(x);
  if (!broadcast(b.value(x).shape(), b.value(y).shape())) return;
  const Tensor difference = Tensor(b.value(x)) - Tensor(b.value(y));
  for (const double d : difference.value().to_vector())
    if (std::abs(d) < 1e-3) return;
  b.add({x, y}, [=](const Pool& p) { return f(p[x], p[y]); });
}

void choose(Builder& b, const char*) {
  const int x = b.pick(), y = b.partner(x);
  const auto shape = broadcast(b.value(x).shape(), b.value(y).shape());
  const Array mask = b.mask(shape ? *shape : b.value(x).shape());
  b.add({x, y}, [=](const Pool& p) { return where(mask, p[x], p[y]); });
}

void fill(Builder& b, const char*) {
  const int x = b.pick();
  Shape shape = b.value(x).shape();
  if (shape.rank() > 0 && b.chance(2)) shape[0] = 1;
  const Array mask = b.mask(shape);
  b.add({x}, [=](const Pool& p) { return masked_fill(p[x], mask, 0.5); });
}

void clamped(Builder& b, const char*) {
  const int x = b.pick();
  if (b.is_away(x, -0.7) && b.is_away(x, 0.9))
    b.add({x}, [=](const Pool& p) { return clamp(p[x], -0.7, 0.9); });
}

void dropped(Builder& b, const char*) {
  const int x = b.pick();
  const auto seed = static_cast<uint64_t>(b.size(2, 9));
  b.add({x}, [=](const Pool& p) {
    Generator generator(seed);  // the same elements are dropped each time
    return dropout(p[x], 0.3, generator);
  });
}

constexpr Op ops[] = {
    {"neg", smooth},
    {"exp", smooth},
    {"log", of_positive},
    {"sqrt", of_positive},
    {"rsqrt", of_positive},
    {"square", smooth},
    {"abs", kinked_at_zero},
    {"erf", smooth},
    {"sigmoid", smooth},
    {"tanh", smooth},
    {"relu", kinked_at_zero},
    {"softplus", smooth},
    {"silu", smooth},
    {"gelu", smooth},
    {"gelu_tanh", smooth},
    {"add", [](Builder& b, const char*) { pair(b, add); }},
    {"sub", [](Builder& b, const char*) { pair(b, sub); }},
    {"mul", [](Builder& b, const char*) { pair(b, mul); }},
    {"div", divide},
    {"a number and", with_number},
    {"pow", power},
    {"pow of a number", power_of_number},
    {"maximum", [](Builder& b, const char*) { larger(b, maximum); }},
    {"minimum", [](Builder& b, const char*) { larger(b, minimum); }},
    {"where", choose},
    {"masked_fill", fill},
    {"clamp", clamped},
    {"dropout", dropped},
};

}  // namespace

std::span<const Op> element_ops() { return ops; }

}  // namespace gradus::test::fuzz
