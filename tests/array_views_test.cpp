// Views of an Array, against an array that knows its elements by index alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "gradus/array.h"
#include "support.h"

namespace gradus {
namespace {

using test::counting;
using test::error_of;
using test::for_each_index;

// What an Array should be: each element written down, in row-major order.
struct Model {
  Shape shape;
  std::vector<double> values;

  double at(const Shape& index) const {
    int64_t flat = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) flat = flat * shape[axis] + index[axis];
    return values[static_cast<size_t>(flat)];
  }
  // A model whose element `index` is this one's element `from(index)`.
  template <class F>
  Model gathered(const Shape& new_shape, F from) const {
    Model result{new_shape, {}};
    for_each_index(new_shape,
                   [&](const Shape& index) { result.values.push_back(at(from(index))); });
    return result;
  }
};

// A random chain of views, applied to an Array and to its model.
class ViewChain {
 public:
  ViewChain(const Shape& shape, uint64_t seed)
      : array(counting(shape)), model{shape, array.to_vector()}, generator_(seed) {}

  Array array;
  Model model;
  std::string story;  // what was done so far

  void step() {
    switch (below(7)) {
      case 0: return reshape();
      case 1: return transpose();
      case 2: return permute();
      case 3: return slice();
      case 4: return select();
      case 5: return expand();
      case 6: return unsqueeze();
    }
  }

 private:
  int64_t below(int64_t n) {
    return static_cast<int64_t>(generator_.below(static_cast<uint64_t>(n)));
  }
  int axis() { return static_cast<int>(below(array.rank())); }
  // The same axis, counted from either end.
  int named(int axis) { return below(2) == 0 ? axis : axis - array.rank(); }

  template <class F>
  void become(const std::string& what, Array next, const Shape& shape, F from) {
    story += what + " ";
    array = std::move(next);
    model = model.gathered(shape, from);
  }

  void transpose() {
    if (array.rank() < 2) return;
    const int a = axis(), b = axis();
    Shape shape = model.shape;
    std::swap(shape[a], shape[b]);
    become(fmt::format("transpose({}, {})", a, b), array.transpose(named(a), named(b)), shape,
           [=](Shape index) { return std::swap(index[a], index[b]), index; });
  }

  void permute() {
    std::vector<int> order(static_cast<size_t>(array.rank()));
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[static_cast<size_t>(below(static_cast<int64_t>(i)))]);
    Shape shape = model.shape;
    for (int i = 0; i < array.rank(); ++i) shape[i] = model.shape[order[static_cast<size_t>(i)]];
    become("permute", array.permute(order), shape, [&](const Shape& index) {
      Shape from = index;
      for (int i = 0; i < index.rank(); ++i) from[order[static_cast<size_t>(i)]] = index[i];
      return from;
    });
  }

  void slice() {
    if (array.rank() == 0) return;
    const int a = axis();
    const int64_t n = model.shape[a], start = below(2 * n + 3) - n - 1,
                  stop = below(2 * n + 3) - n - 1, step = 1 + below(3);
    // Python's rule, spelled out: which places from start to stop are on the axis?
    std::vector<int64_t> taken;
    const int64_t first = start < 0 ? std::max<int64_t>(start + n, 0) : start,
                  last = stop < 0 ? stop + n : stop;
    for (int64_t i = first; i < last && i < n; i += step) taken.push_back(i);
    Shape shape = model.shape;
    shape[a] = static_cast<int64_t>(taken.size());
    become(fmt::format("slice({}, {}, {}, {})", a, start, stop, step),
           array.slice(named(a), start, stop, step), shape,
           [&](Shape index) { return index[a] = taken[static_cast<size_t>(index[a])], index; });
  }

  void select() {
    if (array.rank() == 0) return;
    const int a = axis();
    const int64_t n = model.shape[a];
    if (n == 0) return;
    const int64_t i = below(n);
    become(fmt::format("select({}, {})", a, i), array.select(named(a), below(2) == 0 ? i : i - n),
           model.shape.erased(a), [=](const Shape& index) { return index.inserted(a, i); });
  }

  void expand() {
    Shape shape = model.shape;
    for (int i = 0; i < shape.rank(); ++i)
      if (shape[i] == 1) shape[i] = below(4);  // 0 too
    const bool leading = shape.rank() < 5 && below(2) == 0;
    if (leading) shape = shape.inserted(0, 2);
    const Shape old = model.shape;
    become(fmt::format("expand({})", shape), array.expand(shape), shape, [=](const Shape& index) {
      Shape from = leading ? index.erased(0) : index;
      for (int i = 0; i < old.rank(); ++i)
        if (old[i] == 1) from[i] = 0;
      return from;
    });
  }

  void unsqueeze() {
    if (array.rank() >= 6) return;
    const int a = static_cast<int>(below(array.rank() + 1));
    become(fmt::format("unsqueeze({})", a),
           array.unsqueeze(below(2) == 0 ? a : a - array.rank() - 1), model.shape.inserted(a, 1),
           [=](const Shape& index) { return index.erased(a); });
  }

  // A random way to cut the same number of elements into axes.
  Shape random_shape() {
    Shape shape = below(2) == 0 ? Shape{1} : Shape{};
    int64_t rest = model.shape.numel();
    if (rest == 0) return Shape{3, 0, 2};
    while (rest > 1) {
      int64_t size = 1;
      for (int64_t factor = 2; factor <= rest; ++factor)
        while (rest % factor == 0 && (size == 1 || below(2) == 0)) size *= factor, rest /= factor;
      if (shape.rank() == 5) size *= std::exchange(rest, 1);
      shape = shape.inserted(static_cast<int>(below(shape.rank() + 1)), size);
    }
    return shape;
  }

  // Whether strides can walk the elements in this order. Each value is its own place in memory, so
  // that is to ask whether the values are a sum of steps along the axes.
  bool strides_can_walk(const Shape& shape) const {
    const Model target{shape, model.values};
    bool can = true;
    for_each_index(shape, [&](const Shape& index) {
      double expected = target.values[0];
      for (int i = 0; i < shape.rank(); ++i) {
        Shape unit = Shape::filled(shape.rank(), 0);
        unit[i] = 1;
        if (index[i] > 0)
          expected += static_cast<double>(index[i]) * (target.at(unit) - target.values[0]);
      }
      can = can && target.at(index) == expected;
    });
    return can;
  }

  void reshape() {
    const Shape shape = random_shape();
    Shape asked = shape;
    if (asked.rank() > 0 && shape.numel() > 0 && below(2) == 0)
      asked[static_cast<int>(below(asked.rank()))] = -1;
    const Array next = array.reshape(asked);
    story += fmt::format("reshape({}) ", asked);
    const bool view = strides_can_walk(shape);
    EXPECT_EQ(next.shares_storage_with(array), view) << story;
    model.shape = shape;
    // A copy is a new beginning, in which values and places agree no longer.
    array = view ? next : counting(shape);
    if (view) return;
    EXPECT_EQ(next.to_vector(), model.values) << story;
    model.values = array.to_vector();
  }

  Generator generator_;
};

// What is_contiguous and is_dense promise, from the places of all elements.
void expect_honest_layout(const Array& a) {
  std::vector<double> places = a.to_vector();
  for (double& place : places) place -= static_cast<double>(a.offset());
  std::vector<double> adjacent(places.size());
  std::iota(adjacent.begin(), adjacent.end(), 0.0);
  EXPECT_EQ(a.is_contiguous(), places == adjacent);
  std::sort(places.begin(), places.end());
  EXPECT_EQ(a.is_dense(), places == adjacent);
}

// Memory like a's: dense, and where a has no repeated axis, the axes in a's order.
void expect_like(const Array& a, const Array& like) {
  EXPECT_TRUE(like.shape() == a.shape() && like.dtype() == a.dtype());
  EXPECT_TRUE(like.is_dense());
  EXPECT_TRUE(like.is_unique());
  for (int i = 0; i < a.rank(); ++i)
    if (a.numel() == 0 || (a.strides()[i] == 0 && a.size(i) != 1)) return;
  for (int i = 0; i < a.rank(); ++i)
    for (int j = 0; j < a.rank(); ++j) {
      if (a.size(i) == 1 || a.size(j) == 1) continue;
      if (a.strides()[i] < a.strides()[j]) {
        EXPECT_LT(like.strides()[i], like.strides()[j]);
      }
    }
}

TEST(ArrayViews, ManyRandomChainsShowTheElementsOfTheModel) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Shape shapes[] = {{2, 3, 4}, {12}, {1, 6, 1, 5}, {5, 2, 3, 2}, {}, {8, 9}, {3, 0, 2}};
    ViewChain chain(shapes[seed % std::size(shapes)], seed);
    for (int i = 0; i < 7 && chain.array.numel() < 2000; ++i) {
      chain.step();
      SCOPED_TRACE(fmt::format("seed {}: {}", seed, chain.story));
      ASSERT_TRUE(chain.array.shape() == chain.model.shape)
          << chain.array.shape().to_string() << chain.model.shape.to_string();
      ASSERT_EQ(chain.array.numel(), chain.model.shape.numel());
      ASSERT_EQ(chain.array.to_vector(), chain.model.values);
      for_each_index(chain.model.shape, [&](const Shape& index) {
        ASSERT_EQ(chain.array.at(index), chain.model.at(index));
      });
      expect_honest_layout(chain.array);
      expect_like(chain.array, chain.array.empty_like());
      const Array copy = chain.array.clone();
      ASSERT_EQ(copy.to_vector(), chain.model.values);
      EXPECT_TRUE(copy.is_contiguous() && copy.is_unique());
      EXPECT_EQ(chain.array.contiguous().shares_storage_with(chain.array),
                chain.array.is_contiguous());
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(ArrayViews, AWriteThroughAViewIsSeenThroughTheOthers) {
  const Array x = counting({2, 3});
  Array corner = x.transpose().slice(0, 1, 3).select(1, 0);  // x[0, 1:3]
  corner.copy_from(Array::of({10, 20}, {2}, DType::float64));
  EXPECT_EQ(x.to_vector(), (std::vector<double>{0, 10, 20, 3, 4, 5}));
  EXPECT_EQ(x.reshape({3, 2}).transpose().to_vector(), (std::vector<double>{0, 20, 4, 10, 3, 5}));
}

TEST(ArrayViews, ATransposedArrayIsDenseAndAGapIsNot) {
  const Array x = counting({4, 6});
  EXPECT_TRUE(x.transpose().is_dense() && !x.transpose().is_contiguous());
  EXPECT_TRUE(x.slice(0, 1, 3).is_contiguous());  // whole rows: no gap
  EXPECT_FALSE(x.slice(1, 0, 5).is_dense());
  EXPECT_FALSE(x.slice(0, 0, 4, 2).is_dense());
  EXPECT_FALSE(Array::zeros({1, 3}).expand({2, 3}).is_dense());
  EXPECT_TRUE(Array::zeros({1, 3}).expand({1, 3}).is_dense());
}

TEST(ArrayViews, MistakesAreErrorsThatNameTheOpAndTheShape) {
  const Array x = counting({2, 3, 4});
  const struct {
    std::function<Array()> mistake;
    std::string message;
  } cases[] = {
      {[&] {
         return x.reshape({5, 5});
       },
       "reshape: [2, 3, 4] has 24 elements, [5, 5] cannot hold them"},
      {[&] {
         return x.reshape({-1, 5});
       },
       "reshape: [2, 3, 4] has 24 elements, [-1, 5] cannot hold them"},
      {[&] {
         return x.reshape({-1, 0});
       },
       "reshape: [2, 3, 4] has 24 elements, [-1, 0] cannot hold them"},
      {[&] {
         return x.reshape({-1, -1});
       },
       "reshape: sizes must be >= 0, and one may be -1: [-1, -1]"},
      {[&] {
         return x.reshape({-2, 12});
       },
       "reshape: sizes must be >= 0, and one may be -1: [-2, 12]"},
      {[&] { return x.transpose(0, 3); }, "transpose: axis 3 of a tensor of rank 3"},
      {[&] { return Array::zeros({2}).transpose(); }, "transpose: axis -2 of a tensor of rank 1"},
      {[&] {
         return x.permute({0, 1});
       },
       "permute: 2 axes named for a tensor of rank 3"},
      {[&] {
         return x.permute({0, 1, -2});
       },
       "permute: axis 1 is named twice"},
      {[&] {
         return x.permute({0, 1, 3});
       },
       "permute: axis 3 of a tensor of rank 3"},
      {[&] { return x.slice(3, 0, 1); }, "slice: axis 3 of a tensor of rank 3"},
      {[&] { return x.slice(0, 0, 1, 0); }, "slice: step must be at least 1, got 0"},
      {[&] { return x.select(1, 3); }, "select: index 3 on axis 1 of [2, 3, 4]"},
      {[&] { return x.select(1, -4); }, "select: index -4 on axis 1 of [2, 3, 4]"},
      {[&] { return x.select(-4, 0); }, "select: axis -4 of a tensor of rank 3"},
      {[&] {
         return x.expand({2, 3});
       },
       "expand: [2, 3, 4] does not expand to [2, 3]"},
      {[&] {
         return x.expand({2, 1, 4});
       },
       "expand: [2, 3, 4] does not expand to [2, 1, 4]"},
      {[&] {
         return x.expand({2, 3, 5});
       },
       "expand: [2, 3, 4] does not expand to [2, 3, 5]"},
      {[&] { return x.unsqueeze(4); },
       "unsqueeze: a new axis of a tensor of rank 3 is one of -4 to 3, got 4"},
  };
  for (const auto& [mistake, message] : cases) EXPECT_EQ(error_of(mistake), message);
  // A product that 64 bits cannot hold is no way around the count.
  error_of([&] { return x.reshape({-1, int64_t{1} << 40, int64_t{1} << 40}); });
}

}  // namespace
}  // namespace gradus
