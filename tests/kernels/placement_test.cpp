// Every kernel of the element, row and optimiser tables, at every length from 0 to two vectors and
// one and at every place that an array can start at within a vector: the result has the same bits
// wherever the arrays lie, and nothing beside them is written to.
#include <list>

#include "kernels/kernel_test.h"

namespace gradus::test {
namespace {

// Gives out arrays of which no two start at the same place within a vector.
template <class T>
class Placed {
 public:
  explicit Placed(int64_t first) : next_(first) {}

  const T* input(int64_t n, double low = -3, double high = 3) {
    inputs_.push_back(take(n, low, high));
    before_.push_back(inputs_.back());
    return inputs_.back().data();
  }
  // With numbers in it, for kernels that add to what they find.
  T* output(int64_t n, double low = -3, double high = 3) {
    outputs_.push_back(take(n, low, high));
    return outputs_.back().data();
  }

  void expect_nothing_else_was_written() const {
    for (const Fenced<T>& array : outputs_) array.expect_fences_untouched();
    EXPECT_TRUE(inputs_ == before_);
  }
  bool operator==(const Placed& other) const { return outputs_ == other.outputs_; }

 private:
  Fenced<T> take(int64_t n, double low, double high) {
    constexpr int64_t widest = 64 / static_cast<int64_t>(sizeof(T));
    return uniform<T>(n, seed_++, low, high, next_++ % widest);
  }
  std::list<Fenced<T>> inputs_, before_, outputs_;
  int64_t next_;
  unsigned seed_ = 1;
};

template <class T>
class Placement : public ::testing::Test {
 protected:
  static constexpr int64_t widest = 64 / static_cast<int64_t>(sizeof(T));

  // Calls kernel(memory, n) for every n, on every ISA, and moves the arrays about.
  template <class Kernel>
  static void expect_not_to_matter(const char* name, int64_t shortest, Kernel kernel) {
    on_every_isa([&] {
      for (int64_t n = shortest; n <= 2 * widest + 1; ++n) {
        SCOPED_TRACE(::testing::Message() << name << ", n " << n);
        Placed<T> aligned(0);
        kernel(aligned, n);
        aligned.expect_nothing_else_was_written();
        for (int64_t first = 1; first < widest; ++first) {
          Placed<T> moved(first);
          kernel(moved, n);
          moved.expect_nothing_else_was_written();
          ASSERT_TRUE(moved == aligned) << "the first array starts at element " << first;
        }
      }
    });
  }
};
TYPED_TEST_SUITE(Placement, FloatingTypes);

TYPED_TEST(Placement, OfUnaryFunctions) {
  using T = TypeParam;
  for (const kernels::Unary<T>& entry : kernels::elementwise<T>().unary)
    this->expect_not_to_matter(entry.name, 0, [&](Placed<T>& memory, int64_t n) {
      const kernels::Unary<T>& op = kernels::unary<T>(entry.name);  // of the ISA in use
      op.value(memory.output(n), memory.input(n), n);
      op.backward(memory.output(n), memory.input(n), memory.input(n), n);
    });
}

TYPED_TEST(Placement, OfFunctionsOfTwo) {
  using T = TypeParam;
  for (const kernels::Binary<T>& entry : kernels::elementwise<T>().binary)
    this->expect_not_to_matter(entry.name, 0, [&](Placed<T>& memory, int64_t n) {
      const auto value = kernels::binary<T>(entry.name).value;
      for (const int64_t x_stride : {0, 1})
        for (const int64_t y_stride : {0, 1}) {
          const T* x = memory.input(x_stride == 0 ? 1 : n, 0.5);
          value(memory.output(n), x, x_stride, memory.input(y_stride == 0 ? 1 : n), y_stride, n);
        }
    });
  this->expect_not_to_matter("accumulate", 0, [&](Placed<T>& memory, int64_t n) {
    kernels::elementwise<T>().accumulate(memory.output(n), memory.input(n), n);
  });
  this->expect_not_to_matter("masked_fill", 0, [&](Placed<T>& memory, int64_t n) {
    Fenced<bool> mask(n, false, n % 7);
    for (int64_t i = 0; i < n; ++i) mask[i] = i % 3 == 0;
    kernels::elementwise<T>().masked_fill(memory.output(n), memory.input(n), mask.data(), 7, n);
  });
}

constexpr int64_t rows = 3;

TYPED_TEST(Placement, OfSoftmaxAndItsLogarithm) {
  using T = TypeParam;
  this->expect_not_to_matter("softmax", 0, [&](Placed<T>& memory, int64_t n) {
    const kernels::Rows<T>& table = kernels::rows<T>();
    const int64_t all = rows * n;
    table.softmax(memory.output(all), memory.input(all), rows, n);
    table.softmax_backward(memory.output(all), memory.input(all), memory.input(all), rows, n);
    table.log_softmax(memory.output(all), memory.input(all), rows, n);
    table.log_softmax_backward(memory.output(all), memory.input(all), memory.input(all), rows, n);
  });
}

TYPED_TEST(Placement, OfCrossEntropy) {
  using T = TypeParam;
  for (const double smoothing : {0.0, 0.25})
    this->expect_not_to_matter("cross_entropy", 1, [&](Placed<T>& memory, int64_t n) {
      const kernels::Rows<T>& table = kernels::rows<T>();
      const std::vector<int64_t> target = {n - 1, -100, n / 2};
      const kernels::CrossEntropyRule rule{.smoothing = smoothing};
      const T* x = memory.input(rows * n);
      T* log_sum_exp = memory.output(rows);
      table.cross_entropy(memory.output(rows), log_sum_exp, x, target.data(), rows, n, rule);
      table.cross_entropy_backward(memory.output(rows * n), memory.input(rows), x, log_sum_exp,
                                   target.data(), rows, n, rule);
    });
}

TYPED_TEST(Placement, OfNormalisation) {
  using T = TypeParam;
  for (const bool centred : {true, false})
    this->expect_not_to_matter("layer_norm", 1, [&](Placed<T>& memory, int64_t n) {
      const kernels::Rows<T>& table = kernels::rows<T>();
      const T *x = memory.input(rows * n), *weight = memory.input(n), *bias = memory.input(n);
      T *mean = centred ? memory.output(rows) : nullptr, *rstd = memory.output(rows);
      table.layer_norm(memory.output(rows * n), mean, rstd, x, weight, bias, T(1e-5), rows, n);
      table.layer_norm_backward(memory.output(rows * n), memory.output(n), memory.output(n),
                                memory.input(rows * n), x, mean, rstd, weight, rows, n);
    });
}

TYPED_TEST(Placement, OfSums) {
  using T = TypeParam;
  this->expect_not_to_matter("sums", 0, [&](Placed<T>& memory, int64_t n) {
    const kernels::Rows<T>& table = kernels::rows<T>();
    *memory.output(1) = table.sum(memory.input(n), n);
    *memory.output(1) = static_cast<T>(table.sum_squares(memory.input(n), n));
    for (const int64_t few : {1, 4, 7})
      table.add_rows(memory.output(n), memory.input(few * (n + 3)), few, n, n + 3);
  });
}

TYPED_TEST(Placement, OfOptimisers) {
  using T = TypeParam;
  this->expect_not_to_matter("optimisers", 0, [&](Placed<T>& memory, int64_t n) {
    const kernels::Optim<T>& table = kernels::optim<T>();
    T *p = memory.output(n), *m = memory.output(n), *v = memory.output(n, 0);
    table.adam(p, m, v, memory.input(n), n,
               {.learning_rate = 0.05,
                .beta1 = 0.9,
                .beta2 = 0.99,
                .epsilon = 1e-3,
                .weight_decay = 0.3,
                .l2 = 0.2,
                .correction1 = 0.1,
                .correction2 = 0.01});
    for (T* momentum : {static_cast<T*>(nullptr), memory.output(n)}) {
      table.sgd(memory.output(n), momentum, memory.input(n), n,
                {.learning_rate = 0.05, .momentum = 0.9, .l2 = 0.2, .nesterov = true});
      table.rmsprop(
          memory.output(n), memory.output(n, 0), momentum, memory.input(n), n,
          {.learning_rate = 0.05, .alpha = 0.8, .epsilon = 1e-3, .momentum = 0.7, .l2 = 0.2});
    }
  });
}

}  // namespace
}  // namespace gradus::test
