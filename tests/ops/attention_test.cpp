// scaled_dot_product_attention: the table of cases, and what no table can say.
#include "gradus/ops/attention.h"

#include "gradus/arithmetic.h"
#include "gradus/gradcheck.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

// The same made of other ops; a fourth input is the bias.
Tensor composed_attention(const Tensors& in, const AttentionOptions& options) {
  const Tensor &q = in[0], &k = in[1], &v = in[2];
  const int64_t tq = q.size(-2), tk = k.size(-2);
  const double scale =
      options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<double>(q.size(-1)));
  Tensor scores = matmul(q, transpose(k)) * scale;
  if (in.size() > 3) scores = scores + in[3];
  std::vector<bool> future;
  for (int64_t i = 0; i < tq; ++i)
    for (int64_t j = 0; j < tk; ++j) future.push_back(j > i);
  if (options.causal) scores = masked_fill(scores, Array::of_bools(future, {tq, tk}), -INFINITY);
  if (!options.mask.is_empty_handle()) {
    std::vector<bool> hidden;
    for (const double visible : options.mask.to_vector()) hidden.push_back(visible == 0);
    scores = masked_fill(scores, Array::of_bools(hidden, options.mask.shape()), -INFINITY);
  }
  return matmul(softmax(scores), v);
}

// Several paths of the composition meet in the table's tests with PyTorch; here, all at once.
TEST(Attention, IsSoftmaxOfMaskedScoresTimesValues) {
  AttentionOptions options{.causal = true, .mask = attention_mask({2, 1, 5, 11}), .scale = 0.7};
  const Arrays inputs = {random_array({2, 3, 5, 7}, 1), random_array({2, 3, 11, 7}, 2),
                         random_array({2, 3, 11, 13}, 3), random_array({3, 1, 11}, 4)};
  on_every_isa([&] {
    const Function fused = [&](const Tensors& in) {
      options.bias = in[3];
      return scaled_dot_product_attention(in[0], in[1], in[2], options);
    };
    const Function composed = [&](const Tensors& in) { return composed_attention(in, options); };
    expect_same_outcome(run(fused, inputs), run(composed, inputs), 1e-14);
  });
}

// Heads that share keys and values are heads with copies of them, to the bit, but for the sum of
// the copies' gradients.
TEST(Attention, GroupedHeadsAreHeadsWithCopiedKeysAndValues) {
  const auto copied = [](const Tensor& x) {  // (2, 2, 7, 3) -> (2, 2, 3, 7, 3) -> (2, 6, 7, 3)
    return reshape(expand(reshape(x, {2, 2, 1, 7, 3}), {2, 2, 3, 7, 3}), {2, 6, 7, 3});
  };
  const Arrays inputs = {random_array({2, 6, 5, 3}, 1), random_array({2, 2, 7, 3}, 2),
                         random_array({2, 2, 7, 3}, 3)};
  on_every_isa([&] {
    const Outcome grouped =
        run([](const Tensors& in) { return scaled_dot_product_attention(in[0], in[1], in[2]); },
            inputs);
    const Outcome repeated = run(
        [&](const Tensors& in) {
          return scaled_dot_product_attention(in[0], copied(in[1]), copied(in[2]));
        },
        inputs);
    EXPECT_TRUE(same_bits(grouped.value, repeated.value));
    EXPECT_TRUE(same_bits(grouped.gradients[0], repeated.gradients[0]));
    expect_same_outcome(grouped, repeated, 1e-14);
  });
}

// What is added to all scores of a row changes nothing, and -inf hides as a mask does.
TEST(Attention, ABiasIsSeenOnlyInItsDifferences) {
  const Tensor q(random_array({3, 5}, 1)), k(random_array({4, 5}, 2)), v(random_array({4, 7}, 3));
  const Tensor bias = random_parameter({3, 1}, 4);
  const Tensor plain = scaled_dot_product_attention(q, k, v),
               shifted = scaled_dot_product_attention(q, k, v, {.bias = bias});
  EXPECT_LE(relative_distance(shifted.value(), plain.value()), 1e-14);
  shifted.backward(random_array({3, 7}, 5));
  for (const double g : bias.grad().to_vector()) EXPECT_NEAR(g, 0, 1e-14);

  const Array mask = attention_mask({3, 4});
  std::vector<double> numbers;
  for (const double visible : mask.to_vector()) numbers.push_back(visible != 0 ? 0 : -INFINITY);
  const Tensor hiding(Array::of(numbers, {3, 4}, DType::float64));
  EXPECT_LE(relative_distance(scaled_dot_product_attention(q, k, v, {.bias = hiding}).value(),
                              scaled_dot_product_attention(q, k, v, {.mask = mask}).value()),
            1e-14);
}

TEST(Attention, TheKeyPaddingMaskShowsEachSequenceItsOwnKeys) {
  const Array mask = key_padding_mask({3, 0, 1}, 3);
  EXPECT_EQ(mask.shape(), (Shape{3, 1, 1, 3}));
  EXPECT_EQ(mask.to_vector(), (std::vector<double>{1, 1, 1, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(key_padding_mask({}, 5).shape(), (Shape{0, 1, 1, 5}));
  EXPECT_EQ(error_of([] {
              key_padding_mask({3, 4}, 3);
            }),
            "key_padding_mask: a sequence of length 4 in rows of 3 keys");
  EXPECT_EQ(error_of([] { key_padding_mask({-1}, 3); }),
            "key_padding_mask: a sequence of length -1 in rows of 3 keys");
}

// Heads as MultiHeadAttention cuts them out of one projection, (B, T, 3 H D), and puts them
// together.
TEST(Attention, ReadsAndWritesHeadsWhereTheyLie) {
  const int64_t batch = 2, length = 5, heads = 3, d = 7, width = heads * d;
  const auto with_heads = [&](auto attend) {
    return [=](const Tensors& in) {
      const auto part = [&](int64_t i) {
        const Tensor third = slice(in[0], -1, i * width, (i + 1) * width);
        return transpose(reshape(third, {batch, length, heads, d}), 1, 2);
      };
      const Tensor out = attend({part(0), part(1), part(2)});
      return reshape(transpose(out, 1, 2), {batch, length, width});
    };
  };
  const AttentionOptions options{.causal = true};
  const Array qkv = random_array({batch, length, 3 * width});
  const Outcome fused = run(with_heads([&](const Tensors& in) {
                              return scaled_dot_product_attention(in[0], in[1], in[2], options);
                            }),
                            {qkv});
  const Outcome composed =
      run(with_heads([&](const Tensors& in) { return composed_attention(in, options); }), {qkv});
  expect_same_outcome(fused, composed, 1e-14);

  // No copy: heads that lie interleaved give a result that lies interleaved.
  const Tensor q(random_array({batch, length, heads, d}).transpose(1, 2));
  const Array out = scaled_dot_product_attention(q, q, q).value();
  EXPECT_EQ(out.strides(), q.value().strides());
  EXPECT_TRUE(out.transpose(1, 2).is_contiguous());
}

TEST(Attention, AQueryThatSeesNothingGetsZerosAndSendsNoGradient) {
  on_every_isa([] {
    // Row 1 of the mask hides everything; key 2 is hidden from everybody.
    const Array mask = Array::of_bools(
        {true, true, false, true, false, false, false, false, true, true, false, true}, {3, 4});
    for (const bool causal : {false, true}) {
      const Tensor q = parameter(random_array({3, 5}, 1)), k = parameter(random_array({4, 5}, 2)),
                   v = parameter(random_array({4, 7}, 3));
      const Tensor y = scaled_dot_product_attention(q, k, v, {.causal = causal, .mask = mask});
      EXPECT_EQ(y.value().select(0, 1).to_vector(), std::vector<double>(7, 0));
      y.backward(random_array({3, 7}, 4));
      EXPECT_EQ(q.grad().select(0, 1).to_vector(), std::vector<double>(5, 0));
      EXPECT_EQ(k.grad().select(0, 2).to_vector(), std::vector<double>(5, 0));
      EXPECT_EQ(v.grad().select(0, 2).to_vector(), std::vector<double>(7, 0));
      EXPECT_NE(q.grad().at({2, 0}), 0);
      EXPECT_EQ(k.grad().at({3, 0}) != 0, !causal);  // it lies in everybody's future
    }
  });
}

TEST(Attention, CausalMeansThatTheFutureChangesNothing) {
  on_every_isa([] {
    const Array q = random_array({2, 7, 5}, 1), k = random_array({2, 7, 5}, 2),
                v = random_array({2, 7, 3}, 3);
    const auto attend = [](const Array& queries, const Array& keys, const Array& values) {
      return scaled_dot_product_attention(Tensor(queries), Tensor(keys), Tensor(values),
                                          {.causal = true})
          .value();
    };
    const Array whole = attend(q, k, v);
    for (int64_t t = 1; t <= 7; ++t) {
      const auto past = [t](const Array& a) { return a.slice(1, 0, t); };
      EXPECT_TRUE(same_bits(attend(past(q), past(k), past(v)), past(whole))) << t;
    }
  });
}

TEST(Attention, LargeScoresDoNotOverflow) {
  const Tensor q = parameter(Array::of({300, -300}, {2, 1})),
               k = parameter(Array::of({300, -300}, {2, 1})),
               v = parameter(Array::of({1, 2}, {2, 1}));
  const Tensor y = scaled_dot_product_attention(q, k, v);  // scores of +-90,000
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{1, 2}));
  y.backward(Array::full({2, 1}, 1));
  EXPECT_EQ(v.grad().to_vector(), (std::vector<double>{1, 1}));
  EXPECT_EQ(q.grad().to_vector(), (std::vector<double>{0, 0}));
}

TEST(Attention, NaNIsNotHiddenFromThoseWhoSeeIt) {
  Array k = random_array({5, 3});
  k.slice(0, 3, 4).copy_from(Array::full({1, 3}, NAN, DType::float64));
  const Tensor q(random_array({5, 3}, 2)), v(random_array({5, 3}, 3));
  const Array y = scaled_dot_product_attention(q, Tensor(k), v, {.causal = true}).value();
  for_each_index({5, 3}, [&](const Shape& i) { EXPECT_EQ(std::isnan(y.at(i)), i[0] >= 3); });
}

TEST(Attention, OfNothing) {
  const auto zeros = [](const Shape& shape) { return parameter(Array::zeros(shape)); };
  const Tensor no_queries =
      scaled_dot_product_attention(zeros({2, 0, 3}), zeros({2, 5, 3}), zeros({2, 5, 7}));
  EXPECT_EQ(no_queries.shape(), (Shape{2, 0, 7}));
  no_queries.backward(Array::zeros({2, 0, 7}));
  const Tensor v = zeros({2, 0, 7});
  const Tensor no_keys = scaled_dot_product_attention(zeros({2, 5, 3}), zeros({2, 0, 3}), v);
  EXPECT_EQ(no_keys.value().to_vector(), std::vector<double>(70, 0));
  no_keys.backward(Array::full({2, 5, 7}, 1));
  EXPECT_EQ(v.grad().shape(), (Shape{2, 0, 7}));
  // Keys of no width tell nothing apart: the mean of the values, as in PyTorch.
  const Tensor values(Array::of({1, 2, 6}, {3, 1}));
  const Tensor mean = scaled_dot_product_attention(zeros({2, 0}), zeros({3, 0}), values);
  EXPECT_EQ(mean.value().to_vector(), (std::vector<double>{3, 3}));
}

// A row that stands for all rows has a stride of 0 between them: it is read as often as there are
// rows.
TEST(Attention, ReadsArraysThatAreExpandedAlongTheTokens) {
  on_every_isa([] {
    for (const int64_t width : {4, 8, 16, 32, 64})
      for (const int64_t tokens : {1, 5, 6, 7, 20}) {
        const Shape row{2, 1, width}, all{2, tokens, width};
        const auto draw = [](const Shape& shape, uint64_t seed) {
          return random_array(shape, seed, DType::float32);
        };
        const Array one[] = {draw(row, 1), draw(row, 2), draw(row, 3), draw(row, 4)};
        const Array whole[] = {draw(all, 5), draw(all, 6), draw(all, 7), draw(all, 8)};
        for (size_t which = 0; which < 4; ++which) {  // q, k, v or the gradient
          const auto attend = [&](bool copied) {
            Array in[] = {whole[0], whole[1], whole[2], whole[3]};
            in[which] = one[which].expand(all);
            if (copied) in[which] = in[which].contiguous();
            Tensor q = parameter(in[0]), k = parameter(in[1]), v = parameter(in[2]);
            const Tensor o = scaled_dot_product_attention(q, k, v);
            o.backward(in[3]);
            return std::vector<Array>{o.value(), q.grad(), k.grad(), v.grad()};
          };
          const std::vector<Array> expanded = attend(false), copied = attend(true);
          for (size_t i = 0; i < 4; ++i)
            EXPECT_TRUE(same_bits(expanded[i], copied[i]))
                << "width " << width << ", tokens " << tokens << ", operand " << which;
        }
      }
  });
}

// With heads that share keys and values, whose gradients are sums, and with a bias that all share.
TEST(Attention, TheSameBitsForAnyNumberOfThreads) {
  const auto attend = [](int count) {
    const ScopedThreads threads(count);
    const auto draw = [](const Shape& shape, uint64_t seed) {
      return random_array(shape, seed, DType::float32);
    };
    return run(
        [](const Tensors& in) {
          return scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true, .bias = in[3]});
        },
        {draw({3, 6, 67, 19}, 1), draw({3, 2, 67, 19}, 2), draw({3, 2, 67, 19}, 3),
         draw({67, 67}, 4)});
  };
  const Outcome one = attend(1);
  for (const int count : {2, 3}) {
    const Outcome other = attend(count);
    EXPECT_TRUE(same_bits(other.value, one.value));
    for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(same_bits(other.gradients[i], one.gradients[i]));
  }
}

TEST(AttentionErrors, NameTheRuleAndTheShapes) {
  const auto error = [](const Shape& q, const Shape& k, const Shape& v,
                        const AttentionOptions& options = {}) {
    const auto zeros = [](const Shape& shape) { return Tensor(Array::zeros(shape)); };
    return error_of([&] { scaled_dot_product_attention(zeros(q), zeros(k), zeros(v), options); });
  };
  EXPECT_EQ(error({2, 3, 5}, {3, 3, 5}, {2, 3, 5}),
            "scaled_dot_product_attention: q, k and v must agree in all but their last two axes: "
            "[2, 3, 5], [3, 3, 5], [2, 3, 5]");
  EXPECT_EQ(error({6, 3, 5}, {4, 3, 5}, {4, 3, 5}),
            "scaled_dot_product_attention: 4 heads of keys and values do not divide 6 heads of "
            "queries: [6, 3, 5], [4, 3, 5], [4, 3, 5]");
  EXPECT_EQ(error({6, 3, 5}, {0, 3, 5}, {0, 3, 5}),
            "scaled_dot_product_attention: 0 heads of keys and values do not divide 6 heads of "
            "queries: [6, 3, 5], [0, 3, 5], [0, 3, 5]");
  EXPECT_EQ(error({0, 3, 5}, {6, 3, 5}, {6, 3, 5}),
            "scaled_dot_product_attention: 6 heads of keys and values do not divide 0 heads of "
            "queries: [0, 3, 5], [6, 3, 5], [6, 3, 5]");
  EXPECT_EQ(error({5}, {3, 5}, {3, 5}),
            "scaled_dot_product_attention: q, k and v must agree in all but their last two axes: "
            "[5], [3, 5], [3, 5]");
  EXPECT_EQ(error({3, 5}, {3, 7}, {3, 5}),
            "scaled_dot_product_attention: q and k differ in their last axis: [3, 5] and [3, 7]");
  EXPECT_EQ(error({3, 5}, {7, 5}, {3, 5}),
            "scaled_dot_product_attention: k and v differ in length: [7, 5] and [3, 5]");
  const auto masked = [&](const Array& mask) {
    return error({2, 3, 5}, {2, 7, 5}, {2, 7, 5}, {.mask = mask});
  };
  EXPECT_EQ(masked(attention_mask({2, 7})),
            "scaled_dot_product_attention: the mask [2, 7] does not broadcast to the scores "
            "[2, 3, 7]");
  EXPECT_EQ(masked(attention_mask({5, 2, 3, 7})),
            "scaled_dot_product_attention: the mask [5, 2, 3, 7] does not broadcast to the scores "
            "[2, 3, 7]");
  EXPECT_EQ(masked(Array::zeros({3, 7})),
            "scaled_dot_product_attention: the mask must be bool, got float32");
  const auto biased = [&](const Array& bias) {
    return error({2, 3, 5}, {2, 7, 5}, {2, 7, 5}, {.bias = Tensor(bias)});
  };
  EXPECT_EQ(biased(Array::zeros({4, 1, 3, 7})),
            "scaled_dot_product_attention: the bias [4, 1, 3, 7] does not broadcast to the scores "
            "[2, 3, 7]");
  EXPECT_EQ(biased(Array::zeros({2, 7})),
            "scaled_dot_product_attention: the bias [2, 7] does not broadcast to the scores "
            "[2, 3, 7]");
  EXPECT_EQ(biased(random_array({3, 7})),
            "scaled_dot_product_attention: the bias must be float32, got float64");
  EXPECT_EQ(error_of([] {
              const Tensor single(Array::zeros({3, 5})), twice(random_array({3, 5}));
              scaled_dot_product_attention(single, twice, single);
            }),
            "scaled_dot_product_attention: dtypes differ: float32, float64, float32");
}

// A mask of rank 0 is one answer for everybody.
TEST(Attention, TakesAMaskOfASingleElement) {
  const Tensor q(random_array({3, 5})), k(random_array({7, 5})), v(random_array({7, 5}));
  const auto attend = [&](const Array& mask) {
    return scaled_dot_product_attention(q, k, v, {.mask = mask}).value();
  };
  EXPECT_TRUE(same_bits(attend(Array::of_bools({true}, Shape{})), attend({})));
  EXPECT_EQ(attend(Array::of_bools({false}, Shape{})).to_vector(), std::vector<double>(15, 0));
}

}  // namespace
}  // namespace gradus::test
