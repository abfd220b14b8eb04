// Normalisation: each op a line of the table.
#include <cmath>

#include "ops/op_table.h"

namespace gradus::test {
namespace {

using Inputs = OpTable::Inputs;

// Calls an op with the tensors that there are, and none for the others.
template <class F>
Function on_up_to_three(F f) {
  return [f](const Tensors& in) {
    return f(in[0], in.size() > 1 ? in[1] : Tensor(), in.size() > 2 ? in[2] : Tensor());
  };
}

// A row without variance, one far from zero (with a mean that float32 holds), one of small and one
// of large numbers, and two that are nearly or wholly nothing.
const std::vector<double> rows = {7,    7,    7, 7,     7,    10001, 9999, 10002, 10004, 9994,
                                  1e-9, 2e-9, 0, -3e-9, 5e-9, 1e8,   -2e8, 3e7,   4e8,   0,
                                  0,    0,    0, 0,     0,    1e-30, 0,    0,     0,     0x1p-140};
// One NaN, one infinity and one row of neither.
const std::vector<double> special = {1, NAN, 2, 3, 4, 5, 6, INFINITY, 7, 8, 1, 2, 3, 4, 6};

}  // namespace

void norm_cases(OpTable& t) {
  const Function layer = on_up_to_three(
      [](const Tensor& x, const Tensor& w, const Tensor& b) { return layer_norm(x, w, b); });
  t.add("layer_norm", layer, "F.layer_norm(a, a.shape[-1:])", {{{3, 5}}, {{67}}});
  t.add("layer_norm", layer, "F.layer_norm(a, b.shape, b)",
        {{{3, 5}, {5}}, {{2, 3, 7}, {7}}, {{5}, {5}}, {{3, 37}, {37}}, {{2, 0, 5}, {5}}});
  t.add("layer_norm", layer, "F.layer_norm(a, b.shape, b, c)",
        {{{3, 5}, {5}, {5}},
         {{2, 3, 7}, {7}, {7}},
         {{5}, {5}, {5}},
         {{13, 19}, {19}, {19}},
         {{1, 5}, {5}, {5}},
         {{0, 5}, {5}, {5}}});
  t.extreme("layer_norm", layer, "F.layer_norm(a, b.shape, b, c)",
            {{Input({6, 5}, rows), {5}, {5}}, {Input({3, 5}, special), {5}, {5}}});

  const Function rms = on_up_to_three(
      [](const Tensor& x, const Tensor& w, const Tensor&) { return rms_norm(x, w); });
  t.add("rms_norm", rms, "F.rms_norm(a, b.shape, b, 1e-5)",
        {{{3, 5}, {5}},
         {{2, 3, 7}, {7}},
         {{5}, {5}},
         {{13, 19}, {19}},
         {{1, 5}, {5}},
         {{0, 5}, {5}}});
  t.add("rms_norm", rms, "F.rms_norm(a, a.shape[-1:], None, 1e-5)", {{{3, 5}}, {{67}}});
  t.add("rms_norm eps", [](const Tensors& in) { return rms_norm(in[0], in[1], 0.5); },
        "F.rms_norm(a, b.shape, b, 0.5)", {{{3, 5}, {5}}, {{3, 1}, {1}}, {{1}, {1}}});
  t.extreme("rms_norm", rms, "F.rms_norm(a, b.shape, b, 1e-5)",
            {{Input({6, 5}, rows), {5}}, {Input({3, 5}, special), {5}}});

  const Function batch = on_up_to_three(
      [](const Tensor& x, const Tensor& w, const Tensor& b) { return batch_norm(x, w, b); });
  t.add("batch_norm", batch, "F.batch_norm(a, None, None, b, c, training=True)",
        {{{5, 3}, {3}, {3}},
         {{2, 3, 5}, {3}, {3}},
         {{2, 3, 5, 7}, {3}, {3}},
         {{1, 3, 5}, {3}, {3}},
         {{7, 1}, {1}, {1}},
         {{2, 1, 3, 5}, {1}, {1}},
         {{0, 3, 5}, {3}, {3}}});
  t.add("batch_norm", batch, "F.batch_norm(a, None, None, b, training=True)", {{{5, 3}, {3}}});
  t.add("batch_norm", batch, "F.batch_norm(a, None, None, training=True)", {{{2, 3, 5}}});
  t.extreme("batch_norm", batch, "F.batch_norm(a, None, None, b, c, training=True)",
            {{Input({1, 6, 5}, rows), {6}, {6}}, {Input({1, 3, 5}, special), {3}, {3}}});

  const BatchStatistics given{Array::of({0.5, -1.25, 2}, {3}, DType::float64),
                              Array::of({0.25, 3, 0}, {3}, DType::float64)};
  t.add("batch_norm given",
        [=](const Tensors& in) {
          const DType dtype = in[0].dtype();
          return batch_norm(in[0], {given.mean.to(dtype), given.variance.to(dtype)}, in[1], in[2]);
        },
        fmt::format("F.batch_norm(a, {}, {}, b, c)", torch_literal(given.mean),
                    torch_literal(given.variance)),
        {{{5, 3}, {3}, {3}}, {{2, 3, 5}, {3}, {3}}, {{1, 3}, {3}, {3}}, {{2, 3, 0}, {3}, {3}}});
}

}  // namespace gradus::test
