/*! \page lesson_01 Lesson 1: Tensors

\lessonhead
\needs some C++ or Python, and school mathematics.
\verbs
- `reshape(x, shape)`: the same numbers, cut into other axes
- `transpose(x, a, b)`: two axes exchanged
- `slice(x, axis, start, stop)`: a part of an axis
- `x + y`: element by element, the smaller one repeated
\builds a tensor out of some integers and a row of numbers; views of it; the step that splits
attention heads; the gradient of broadcasting.
\usedlater in every lesson. The library's own are gradus::Array, the numbers alone, and
gradus::Tensor, which also remembers how they were computed.
\endlessonhead

A matrix, a batch of sentences, a film: for the machine each is one long row of numbers, and a way
to read it. That way is a _tensor_. Most of the errors that a beginner meets are two such ways mixed
up, and many of them run without a word. So this lesson fills its tensors with 0, 1, 2, ...: each
number is its own place in memory, and you see where it was read from.

\f[ \mathrm{place}(i_0, i_1, \ldots) = \mathrm{offset} + \sum_a i_a\, \mathrm{stride}_a \f]

In words: begin at the offset, and take along each axis as many of its steps as the index says.

\beside
The formula as a program. Nothing in it knows what a row or a column is. \source{view}

\output{01_tensors.1}

\picture{01_tensors-every-number-is-its-own-place-in-memory,The darker\, the further along in
memory: row by row.}

\section lesson_01_views Views

\beside
Four other ways to read the same memory, each a line or two on the same few integers. They take as
long for a billion numbers as for six. \source{views}

\output{01_tensors.2}

\section lesson_01_heads The trap

\beside
The axis to cut is cut where it lies, and only then may the axes change places. Below it the same by
its meaning, slow and obvious: D columns for each head. \source{split}

\output{01_tensors.3}

\papernote PyTorch has two words: `view`, which refuses where strides cannot express the new shape,
and `reshape`, which then copies. Here there is only `reshape`; section 6 shows when it copies.

\section lesson_01_broadcasting Broadcasting and its gradient

\output{01_tensors.4}

In \f$y = x + b\f$ one \f$b_c\f$ moves as many results as there are rows, and each of them moves L:

\f[ \frac{\partial L}{\partial b_c} = \sum_t \frac{\partial L}{\partial y_{tc}} \f]

\beside
The gradient by measurement. L is linear in b, so the step may be as large as 1 and the answer is
exact. \source{nudge}

\output{01_tensors.5}

\section lesson_01_copies What a copy costs

\output{01_tensors.6}

\section lesson_01_end Proof, and your turn

\output{01_tensors.7}

\output{01_tensors.8}

\program{01_tensors}
*/
#include <chrono>

#include "gradus/arithmetic.h"
#include "lesson.h"

namespace gradus::lessons {
namespace {

const std::vector<std::string> words{"The", "cat", "sat", "on"};
const Axes token_by_feature{"token", "feature", words, {}};

/// 0, 1, 2, ...: each number says where it lies in memory.
Array counted(const Shape& shape) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < shape.numel(); ++i) numbers.push_back(static_cast<double>(i));
  return Array::of(numbers, shape, DType::float64);
}

// ---- a tensor's values, by hand ----

// [view]
// A way to read a row of numbers that lies somewhere else.
struct View {
  const double* numbers;
  int64_t offset;  // where the first one stands
  Shape shape;     // how many there are along each axis
  Strides stride;  // how far apart they are
};

double element(const View& x, const Shape& index) {
  int64_t place = x.offset;
  for (int a = 0; a < x.shape.rank(); ++a) place += index[a] * x.stride[a];
  return x.numbers[place];
}
// [view]

// [views]
View transpose(View x) {  // x: (rows, columns) -> (columns, rows)
  std::swap(x.shape[0], x.shape[1]);
  std::swap(x.stride[0], x.stride[1]);
  return x;
}
View slice(View x, int axis, int64_t start, int64_t stop) {
  x.offset += start * x.stride[axis];
  x.shape[axis] = stop - start;
  return x;
}
View select(View x, int axis, int64_t index) {  // the axis disappears
  x.offset += index * x.stride[axis];
  return {x.numbers, x.offset, x.shape.erased(axis), x.stride.erased(axis)};
}
View expand(View x, int64_t times) {  // a new first axis, all of it alike
  return {x.numbers, x.offset, x.shape.inserted(0, times), x.stride.inserted(0, 0)};
}
// [views]

bool same(const View& ours, const Array& theirs) {
  if (ours.offset != theirs.offset()) return false;
  if (!(ours.shape == theirs.shape() && ours.stride == theirs.strides())) return false;
  if (theirs.rank() == 0) return element(ours, {}) == theirs.item();
  for (int64_t i = 0; i < theirs.size(0); ++i)
    if (!same(select(ours, 0, i), theirs.select(0, i))) return false;
  return true;
}

// ---- the sections ----

void shape_and_strides(Lesson& lesson) {
  lesson.section("One row of numbers, read through a shape");
  lesson.say(
      R"(Memory is a row of numbers. A tensor is a way to read it: along how many axes, and how many
      numbers along each. Here are 24 numbers, 0 to 23, as 4 tokens (the words of a sentence) with 6
      features (numbers that describe a word) each. Axis 0 counts tokens, axis 1 features.)");
  const Array x = counted({4, 6});
  lesson.heatmap({"Every number is its own place in memory", x.to(DType::int64),
                  token_by_feature.row_axis, token_by_feature.column_axis, token_by_feature.rows,
                  token_by_feature.columns});
  lesson.table(
      {{"word", "meaning", "of x"},
       row("shape | numbers along each axis | {}", x.shape()),
       row("rank | number of axes | {}", x.rank()),
       row("dtype | type of each number | {}, {} bytes", name(x.dtype()), size_of(x.dtype())),
       row("strides | steps in memory to the neighbour along each axis | {}", x.strides()),
       row("offset | place of the first number | {}", x.offset()),
       row("storage | the row of numbers itself | {} bytes", x.storage().bytes())});
  lesson.say("Where element [i, j] lies:");
  lesson.equation("place = offset + i * stride_0 + j * stride_1");
  lesson.say(
      R"(A line with a question mark is for you (`--predict` waits for your answer). A tick, further
      down, is something that was just computed and compared.)");
  lesson.predict("Which number is x[2, 3]?", fmt::format("{}", x.at({2, 3})),
                 "Two rows down are 2·6 steps, three columns right are 3·1.");
  lesson.say(
      R"(This order, row after row, is called contiguous. The library's `Array` is just this; a
      `Tensor` also remembers how it was computed (lesson 2). Large models take float32, 4 bytes a
      number; these lessons mostly float64, for strict checks.)");
}

void views(Lesson& lesson) {
  lesson.section("Views: the same numbers, read in another way");
  const Array x = counted({4, 6});
  const View v{x.data<double>(), x.offset(), x.shape(), x.strides()};
  lesson.say(
      R"(Exchange the two sizes and the two strides, and the rows are the columns. No number moves.
      `View`, in the file of this lesson, does that and more by hand.)");
  lesson.predict("What are the strides of `x.transpose()`?",
                 fmt::format("{}", x.transpose().strides()),
                 "Down one row is now what right one column was: 1 step.");
  lesson.say(
      R"(`slice(axis, start, stop)` keeps an axis from start up to stop, without stop itself;
      `select(axis, index)` keeps one index, and the axis is gone; `expand(shape)` repeats with
      stride 0, so that a step along the new axis stays where it is.)");
  struct Case {
    const char* code;
    Array theirs;
    View ours;
    const char* what;
  };
  const std::vector<Case> cases{
      {"x", x, v, "all of it"},
      {"x.transpose()", x.transpose(), transpose(v), "columns as rows"},
      {"x.slice(1, 2, 4)", x.slice(1, 2, 4), slice(v, 1, 2, 4), "columns 2 and 3"},
      {"x.select(0, 2)", x.select(0, 2), select(v, 0, 2), "row 2"},
      {"x.select(0, 2).expand({4, 6})", x.select(0, 2).expand({4, 6}), expand(select(v, 0, 2), 4),
       "row 2, four times"}};
  viz::TableRows rows{{"view", "shape", "strides", "offset", "shows"}};
  bool equal = true, shared = true;
  for (const Case& c : cases) {
    rows.push_back(row("{} | {} | {} | {} | {}", c.code, c.theirs.shape(), c.theirs.strides(),
                       c.theirs.offset(), c.what));
    equal = equal && same(c.ours, c.theirs);
    shared = shared && c.theirs.shares_storage_with(x);
  }
  lesson.table(rows);
  lesson.check("by hand we get the library's shapes, strides, offsets and numbers", equal);
  lesson.check("all five look at one storage", shared);
}

// [split]
// Each token's features cut into H heads.  x: (T, C) -> (H, T, D), D = C / H
Tensor split_heads(const Tensor& x, int64_t H) {
  const int64_t T = x.size(0), D = x.size(1) / H;
  return transpose(reshape(x, {T, H, D}), 0, 1);
}
// The same by its meaning: head h is D columns of every token.
Tensor split_heads_slowly(const Tensor& x, int64_t H) {
  const int64_t D = x.size(1) / H;
  std::vector<Tensor> heads;
  for (int64_t h = 0; h < H; ++h) heads.push_back(slice(x, 1, h * D, (h + 1) * D));
  return stack(heads);
}
// [split]

void heads(Lesson& lesson) {
  lesson.section("The trap: reshape is not transpose");
  lesson.say(
      R"(Attention will cut the C = 6 features of each of T = 4 tokens into H = 2 heads of D = 3: a
      tensor of shape (H, T, D), in which head 0 has features 0 to 2 of every token. `reshape` gives
      that shape in one call.)");
  const Tensor x(counted({4, 6})), wrong = reshape(x, {2, 4, 3}), right = split_heads(x, 2);
  const Axes axes{"token", "", words, {}};
  const Array cat = wrong.value().select(0, 0).select(0, 1);
  lesson.predict("What is the row of \"cat\" in head 0 of `reshape(x, {2, 4, 3})`?",
                 fmt::format("{}, {}, {}", cat.at({0}), cat.at({1}), cat.at({2})),
                 "Those are features of \"The\": reshape keeps the order in memory.");
  lesson.beside("reshape: head 0", select(wrong, 0, 0), axes, "reshape, transpose: head 0",
                select(right, 0, 0), axes, 0);
  lesson.say(
      R"(By reshape alone one token has become two rows, and head 0 never sees "sat" or "on". The
      right way cuts the axis that is to be cut, where it lies, (T, C) to (T, H, D); then T and H
      change places. To join the heads, go back the same way.)");
  if (lesson.verbose())
    lesson.table({{"step", "shape", "strides"},
                  row("x | {} | {}", x.shape(), x.value().strides()),
                  row("reshape to (T, H, D) | {} | {}", reshape(x, {4, 2, 3}).shape(),
                      reshape(x, {4, 2, 3}).value().strides()),
                  row("transpose T and H | {} | {}", right.shape(), right.value().strides())});
  lesson.check("head h is columns hD to (h+1)D of every token", right, split_heads_slowly(x, 2));
  lesson.check("reshape alone has the same shape, and other numbers",
               wrong.shape() == right.shape() && largest_difference(wrong, right) > 0);
  const Array joined = right.value().transpose(0, 1).reshape({4, 6});
  lesson.check("transposed back and reshaped to (T, C) it is x again",
               joined.to_vector() == x.value().to_vector());
}

void broadcasting(Lesson& lesson) {
  lesson.section("Broadcasting: small and large together");
  const Tensor x(counted({2, 3})), b(Array::of({10, 20, 30}, {3}, DType::float64));
  lesson.say(
      R"(To add one row, a bias, to every row of a matrix, the row is expanded, with stride 0:
      x = [0 1 2 / 3 4 5] plus b = [10 20 30] is [10 21 32 / 13 24 35].)");
  const View row_b{b.value().data<double>(), 0, {3}, {1}};
  std::vector<double> slowly;
  for (int64_t t = 0; t < 2; ++t)
    for (int64_t c = 0; c < 3; ++c)
      slowly.push_back(x.value().at({t, c}) + element(expand(row_b, 2), {t, c}));
  lesson.check("that is x plus b read with strides [0, 1], and the library's x + b",
               slowly == std::vector<double>{10, 21, 32, 13, 24, 35} &&
                   slowly == (x + b).value().to_vector());
  lesson.say(
      R"(The rule: write the shapes with their last axes aligned. Two sizes fit if they are equal or
      one of them is 1; an axis that is missing counts as 1.)");
  viz::TableRows rows{{"left", "right", "result"}};
  const std::vector<std::pair<Shape, Shape>> pairs{
      {{4, 6}, {4, 1}}, {{2, 4, 3}, {4, 1}}, {{4, 1}, {6}}, {{4, 6}, {4}}};
  for (const auto& [left, right] : pairs) {
    const auto result = broadcast(left, right);
    rows.push_back(
        row("{} | {} | {}", left, right, result ? result->to_string() : "refused: 6 is not 4"));
  }
  lesson.table(rows);
  lesson.say(
      R"(The third is worth a second look: a column and a row make a whole table, whether or not
      you meant one. `--break=row-minus-column` shows where that hurts.)");
}

// [nudge]
using Result = std::function<double(const Array& b)>;
// By how much L changes when b_c grows by 1.
double nudged(const Result& L, const Array& b, int64_t c) {
  Array moved = b.clone();
  moved.mutable_data<double>()[c] += 1;
  return L(moved) - L(b);
}
// [nudge]

void gradient_of_broadcasting(Lesson& lesson) {
  lesson.section("What broadcasting does to a gradient");
  lesson.say(
      R"(A gradient answers: if this number grows a little, by how much does a result L grow, per
      unit? Let y = x + b, and let L weigh each y by a number w:)");
  lesson.equation("L = sum_{t} sum_{c} w_tc y_tc,   y_tc = x_tc + b_c");
  lesson.say(
      R"(Each y counts w times in L, so that is its gradient; here w = [1 2 3 / 4 5 6]. But b[0]
      stands in two, y[0, 0] and y[1, 0]; `b.grad()` is the library's answer.)");
  const Array x = counted({2, 3}), w = counted({2, 3}) + 1.0;
  const Tensor b = parameter(Array::of({10, 20, 30}, {3}, DType::float64));
  sum((Tensor(x) + b) * Tensor(w)).backward();
  lesson.predict("What is the gradient of L with respect to b[0]?",
                 fmt::format("{}", b.grad().at({0})),
                 "Both rows move with it: 1 + 4. Shares of one number are added.");
  const auto L = [&](const Array& bias) { return sum((x + bias) * w).item(); };
  viz::TableRows rows{{"number", "from row 0", "from row 1", "sum", "measured", "b.grad()"}};
  bool equal = true;
  for (int64_t c = 0; c < 3; ++c) {
    const double by_hand = w.at({0, c}) + w.at({1, c}), measured = nudged(L, b.value(), c);
    rows.push_back(row("b[{}] | {} | {} | {} | {} | {}", c, w.at({0, c}), w.at({1, c}), by_hand,
                       measured, b.grad().at({c})));
    equal = equal && by_hand == measured && measured == b.grad().at({c});
  }
  if (lesson.verbose()) lesson.table(rows);
  lesson.check(fmt::format("b.grad() is [{} {} {}]: the two rows of w added, and just so much does "
                           "L grow when b[c] grows by 1 (exactly, for L is linear in b)",
                           b.grad().at({0}), b.grad().at({1}), b.grad().at({2})),
               equal);

  const Tensor a = parameter(x);
  sum(sum(a, {0}) * b.detach()).backward();  // s_c = a_0c + a_1c
  lesson.say(
      R"(The reverse: let s be the sum of the rows of x, and let L weigh it by [10 20 30]. Each row
      of x moves s alike, so each has the gradient [10 20 30]. Where the way forward repeats, the
      way back adds; where it adds, the way back repeats.)");
  lesson.check("the gradient of a sum of rows goes to every row", Tensor(a.grad()),
               expand(b.detach(), {2, 3}));
}

double seconds_of(int times, const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / times;
}

void copies(Lesson& lesson) {
  const int64_t n = lesson.quick() ? 1024 : 2048;
  lesson.section("What a copy costs");
  lesson.say(
      R"(A view costs a few integers. A copy moves every element, through a memory far slower
      than arithmetic. Let x be {0} x {0}: {1} MiB (1 MiB is $2^20$ bytes).)",
      n, n * n * 8 / (1 << 20));
  const Array x = lesson.randn({n, n});
  const auto turned = [&] { return x.transpose(); };
  const auto copied = [&] { return x.transpose().reshape({n * n}); };
  // What f asks for in new memory, in numbers of 8 bytes.
  const auto moved = [](const std::function<Array()>& f) {
    const size_t before = memory_stats().live;
    const Array result = f();
    return (memory_stats().live - before) / 8;
  };
  lesson.predict("`x.transpose().reshape({n * n})`: how many numbers does it move?",
                 fmt::format("{}", moved(copied)),
                 "All: no single stride walks a turned matrix from corner to corner, so this "
                 "reshape copies.");
  lesson.check("x.transpose() and x.reshape({n * n}) move none",
               moved(turned) == 0 && moved([&] { return x.reshape({n * n}); }) == 0);
  lesson.check("the copy has the same numbers", Tensor(copied().reshape({n, n})), Tensor(turned()));
  lesson.elapsed("x.transpose()", seconds_of(1000, [&] { turned(); }));
  lesson.elapsed("x.clone(), in order", seconds_of(3, [&] { x.clone(); }));
  lesson.elapsed("x.transpose().reshape({n * n}), across", seconds_of(3, [&] { copied(); }));
  lesson.say(
      R"(Across is slower because each step of the reading jumps {} KiB, so almost every number is
      fetched from memory on its own. So views are made freely and copies on purpose; the library's
      matrix product reads a turned matrix where it lies.)",
      n * 8 / 1024);
}

void teach(Lesson& lesson) {
  shape_and_strides(lesson);
  views(lesson);
  heads(lesson);
  broadcasting(lesson);
  gradient_of_broadcasting(lesson);
  copies(lesson);
  using Given = std::vector<Tensor>;
  const NamedArray x{"x", lesson.randn({5, 6})};
  lesson.gradcheck("split_heads", [](const Given& in) { return split_heads(in[0], 3); }, {x});
  lesson.gradcheck("x + row", [](const Given& in) { return in[0] + in[1]; },
                   {x, {"b", lesson.randn({6})}});
  lesson.gradcheck("x times column", [](const Given& in) { return in[0] * in[1]; },
                   {x, {"c", lesson.randn({5, 1})}});
  lesson.change_one_line({
      {"In lessons/01_tensors.cpp, `split_heads`: `return reshape(x, {H, T, D});`.",
       "Three checks fail. The gradient check passes: it asks whether the gradient fits the "
       "function, not whether the function is the right one.",
       "make lesson-01"},
      {"In lessons/01_tensors.cpp, `transpose`: leave out the second swap.",
       "The table shows the library's, as before; the check under it fails.", "make lesson-01"},
      {"In src/autograd.cpp, `Inputs::add`: leave out `g = sum_to(g, node.shape);`.",
       "b.grad() has the shape [2, 3], and section 5 stops when it reads it.", "make lesson-01"},
  });
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  using namespace gradus::lessons;
  return run(argc, argv, {.number = 1, .seconds = 0.8, .quick_seconds = 0.2}, teach);
}
