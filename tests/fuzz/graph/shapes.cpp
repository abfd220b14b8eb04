// Ops that move elements or look at them differently, and those that look them up.
#include "fuzz/graph/program.h"
#include "gradus/ops.h"

namespace gradus::test::fuzz {
namespace {

// Another shape of as many elements: neighbours put together, or an axis split.
Shape regrouped(Builder& b, const Shape& shape) {
  if (shape.rank() > 1 && b.chance(2)) {
    const auto axis = static_cast<int>(b.below(shape.rank() - 1));
    Shape result = shape.erased(axis);
    result[axis] = shape[axis] * shape[axis + 1];
    return result;
  }
  if (shape.rank() == 0 || shape.rank() == max_rank) return {shape.numel()};
  const auto axis = static_cast<int>(b.below(shape.rank()));
  const int64_t factor = 1 + b.below(4);
  if (shape[axis] % factor != 0) return {shape.numel()};
  Shape result = shape.inserted(axis, factor);
  result[axis + 1] /= factor;
  return result;
}

void reshaped(Builder& b, const char*) {
  const int x = b.pick();
  Shape shape = regrouped(b, b.value(x).shape());
  for (int axis = 0; axis < shape.rank(); ++axis) shape[axis] = b.number(shape[axis], shape[axis]);
  if (shape.rank() > 0 && b.chance(3)) shape[static_cast<int>(b.below(shape.rank()))] = -1;
  b.add({x}, [=](const Pool& p) { return reshape(p[x], shape); });
}

void flattened(Builder& b, const char*) {
  const int x = b.pick(), first = b.axis(x), last = b.axis(x);
  b.add({x}, [=](const Pool& p) { return flatten(p[x], first, last); });
}

void unsqueezed(Builder& b, const char*) {
  const int x = b.pick(), axis = b.axis(x);
  b.add({x}, [=](const Pool& p) { return unsqueeze(p[x], axis); });
}

void squeezed(Builder& b, const char*) {
  const int x = b.pick(), axis = b.axis(x);
  const bool all = b.chance(2);
  b.add({x}, [=](const Pool& p) { return all ? squeeze(p[x]) : squeeze(p[x], axis); });
}

void transposed(Builder& b, const char*) {
  const int x = b.pick_rank(1, max_rank), one = b.axis(x), other = b.axis(x);
  b.add({x}, [=](const Pool& p) { return transpose(p[x], one, other); });
}

void permuted(Builder& b, const char*) {
  const int x = b.pick();
  std::vector<int> order;
  for (int axis = 0; axis < b.value(x).rank(); ++axis)
    order.insert(order.begin() + b.below(axis + 1), axis);
  if (!order.empty() && b.chance(16)) order.back() = b.axis(x);
  b.add({x}, [=](const Pool& p) { return permute(p[x], order); });
}

void sliced(Builder& b, const char*) {
  const int x = b.pick_rank(1, max_rank), axis = b.axis(x);
  const int64_t start = b.number(-3, 2), stop = b.number(0, 7), step = b.number(1, 3);
  b.add({x}, [=](const Pool& p) { return slice(p[x], axis, start, stop, step); });
}

void selected(Builder& b, const char*) {
  const int x = b.pick_rank(1, max_rank), axis = b.axis(x);
  const int64_t index = b.number(-1, 2);
  b.add({x}, [=](const Pool& p) { return select(p[x], axis, index); });
}

// A piece, so that some elements are left over.
void part(Builder& b, const char* name) {
  const bool chunks = std::string_view(name) == "chunk";
  const int x = b.pick_rank(1, max_rank), axis = b.axis(x);
  const int64_t size = b.size(1, 3), which = b.below(3);
  b.add({x}, [=](const Pool& p) {
    const std::vector<Tensor> parts = chunks ? chunk(p[x], size, axis) : split(p[x], size, axis);
    return parts.empty() ? p[x] : parts[static_cast<size_t>(which) % parts.size()];
  });
}

void expanded(Builder& b, const char*) {
  const int x = b.pick();
  Shape shape = b.value(x).shape();
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] == 1) shape[axis] = b.number(1, 3);
  if (shape.rank() < max_rank && b.chance(2)) shape = shape.inserted(0, b.number(0, 3));
  b.add({x}, [=](const Pool& p) { return expand(p[x], shape); });
}

void joined(Builder& b, const char*) {
  const int x = b.pick_rank(1, max_rank), axis = b.axis(x);
  Shape other = b.value(x).shape();
  if (axis >= -other.rank() && axis < other.rank()) other[axis] = b.size(1, 2);
  if (other[0] < 0) return;
  const int y = b.like(other);
  b.add({x, y, x}, [=](const Pool& p) { return concat({p[x], p[y], p[x]}, axis); });
}

void stacked(Builder& b, const char*) {
  const int x = b.pick(), y = b.like(b.value(x).shape()), axis = b.axis(x);
  b.add({x, y}, [=](const Pool& p) { return stack({p[x], p[y]}, axis); });
}

void repeated(Builder& b, const char*) {
  const int x = b.pick();
  std::vector<int64_t> times;
  for (int axis = 0; axis < b.value(x).rank(); ++axis) times.push_back(b.size(1, 2));
  if (b.chance(3)) times.insert(times.begin(), b.size(0, 2));
  b.add({x}, [=](const Pool& p) { return repeat(p[x], times); });
}

void flipped(Builder& b, const char*) {
  const int x = b.pick();
  const std::vector<int> axes = b.axes(x);
  b.add({x}, [=](const Pool& p) { return flip(p[x], axes); });
}

void padded(Builder& b, const char*) {
  const int x = b.pick();
  std::vector<Padding> paddings;
  for (int axis = 0; axis < b.value(x).rank(); ++axis) {
    const int64_t before = b.size(0, 2);
    paddings.push_back({before, b.size(0, 1)});
  }
  b.add({x}, [=](const Pool& p) { return pad(p[x], paddings, 0.5); });
}

void triangle(Builder& b, const char* name) {
  const bool lower = std::string_view(name) == "tril";
  const int x = b.pick_rank(2, max_rank);
  const auto diagonal = static_cast<int>(b.size(-2, 2));
  b.add({x}, [=](const Pool& p) { return lower ? tril(p[x], diagonal) : triu(p[x], diagonal); });
}

// ---- by index ----

void gathered(Builder& b, const char*) {
  const int x = b.pick_rank(1, 4), axis = b.axis(x);
  Shape shape = b.value(x).shape();
  if (axis < -shape.rank() || axis >= shape.rank()) return;
  const int64_t size = shape[axis];
  shape[axis] = 1 + b.below(3);
  const Array indices = b.indices(shape, size);
  b.add({x}, [=](const Pool& p) { return gather(p[x], axis, indices); });
}

void rows_selected(Builder& b, const char*) {
  const int x = b.pick_rank(1, max_rank), axis = b.axis(x);
  const Shape shape = b.value(x).shape();
  const int64_t size = axis < -shape.rank() || axis >= shape.rank() ? 3 : shape[axis];
  const Array indices = b.indices({b.below(5)}, size);
  b.add({x}, [=](const Pool& p) { return index_select(p[x], axis, indices); });
}

void scattered(Builder& b, const char*) {
  const int x = b.pick_rank(1, 4), axis = b.axis(x);
  Shape shape = b.value(x).shape();
  if (axis < -shape.rank() || axis >= shape.rank()) return;
  const int64_t size = shape[axis];
  shape[axis] = size == 0 ? 0 : 1 + b.below(3);
  const int source = b.like(shape);
  const Array indices = b.indices(shape, size);
  b.add({x, source}, [=](const Pool& p) { return scatter_add(p[x], axis, indices, p[source]); });
}

void embedded(Builder& b, const char*) {
  const int x = b.pick_rank(2, 2);
  const Array indices = b.indices(b.small_shape(2), b.value(x).rank() > 0 ? b.value(x).size(0) : 1);
  b.add({x}, [=](const Pool& p) { return embedding(p[x], indices); });
}

constexpr Op ops[] = {
    {"reshape", reshaped},
    {"flatten", flattened},
    {"unsqueeze", unsqueezed},
    {"squeeze", squeezed},
    {"transpose", transposed},
    {"permute", permuted},
    {"slice", sliced},
    {"select", selected},
    {"split", part},
    {"chunk", part},
    {"expand", expanded},
    {"concat", joined},
    {"stack", stacked},
    {"repeat", repeated},
    {"flip", flipped},
    {"pad", padded},
    {"tril", triangle},
    {"triu", triangle},
    {"gather", gathered},
    {"index_select", rows_selected},
    {"scatter_add", scattered},
    {"embedding", embedded},
};

}  // namespace

std::span<const Op> shape_ops() { return ops; }

}  // namespace gradus::test::fuzz
