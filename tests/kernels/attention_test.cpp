// Attention of one head against plain loops in long double: every tail, border of a tile and way of
// hiding keys, on every instruction set.
#include "kernels/attention.h"

#include "kernel_test.h"

namespace gradus::kernels {
namespace {

using test::Fenced;
using test::on_every_isa;
using test::Real;
using test::uniform;

using Way = AttentionTuning::Way;

struct Sizes {
  int64_t tq, tk, d, dv, causal_offset;
  bool masked = false, biased = false;
  double scale = 0.7;
};

// One head: its inputs, in rows with gaps.
template <class T>
struct Head {
  static constexpr int64_t gap = 3;
  Sizes size;
  Fenced<T> q, k, v, d_o, bias;
  Fenced<bool> mask;

  explicit Head(const Sizes& s)
      : size(s),
        q(uniform<T>(s.tq * (s.d + gap), 1, -2, 2)),
        k(uniform<T>(s.tk * (s.d + gap), 2, -2, 2)),
        v(uniform<T>(s.tk * (s.dv + gap), 3, -2, 2)),
        d_o(uniform<T>(s.tq * (s.dv + gap), 4, -2, 2)),
        bias(uniform<T>(s.tq * (s.tk + gap), 5, -2, 2)),
        mask(s.tq * (s.tk + gap), true) {
    std::mt19937 coin(7);
    for (int64_t i = 0; i < mask.size(); ++i) mask[i] = coin() % 3 != 0;
    for (int64_t j = 0; s.tq > 3 && j < s.tk; ++j)
      mask[3 * (s.tk + gap) + j] = false;  // row 3 sees nothing
  }
  AttentionHead<T> args() const {
    AttentionHead<T> h{.tq = size.tq,
                       .tk = size.tk,
                       .d = size.d,
                       .dv = size.dv,
                       .q = {q.data(), size.d + gap},
                       .k = {k.data(), size.d + gap},
                       .v = {v.data(), size.dv + gap},
                       .scale = static_cast<T>(size.scale),
                       .causal_offset = size.causal_offset};
    if (size.masked) h.mask = {mask.data(), size.tk + gap};
    if (size.biased) h.bias = {bias.data(), size.tk + gap};
    return h;
  }
  bool sees(int64_t i, int64_t j) const {
    return j <= i + size.causal_offset && (!size.masked || mask[i * (size.tk + gap) + j]);
  }
};

// Row-major matrices without gaps.
struct Results {
  std::vector<Real> o, dq, dk, dv, d_bias;
};

// What the formulas say.
template <class T>
Results exact(const Head<T>& h) {
  const auto [tq, tk, d, dv, offset, masked, biased, scale] = h.size;
  const auto matrix = [](int64_t n, int64_t m) {
    return std::vector<Real>(static_cast<size_t>(n * m));
  };
  const auto at = [](auto& m, int64_t cols, int64_t i, int64_t j) -> auto& {
    return m[static_cast<size_t>(i * cols + j)];
  };
  const auto in = [](const Fenced<T>& m, int64_t cols, int64_t i, int64_t j) {
    return static_cast<Real>(m[i * (cols + Head<T>::gap) + j]);
  };
  const Real factor = static_cast<T>(scale);
  Results r{matrix(tq, dv), matrix(tq, d), matrix(tk, d), matrix(tk, dv), matrix(tq, tk)};
  for (int64_t i = 0; i < tq; ++i) {
    std::vector<Real> p(static_cast<size_t>(tk)), dp(p);
    Real maximum = -INFINITY, sum = 0, dot = 0;
    for (int64_t j = 0; j < tk; ++j) {
      Real& s = p[static_cast<size_t>(j)];
      for (int64_t c = 0; c < d; ++c) s += in(h.q, d, i, c) * in(h.k, d, j, c);
      s = h.sees(i, j) ? factor * s + (biased ? in(h.bias, tk, i, j) : 0) : -INFINITY;
      maximum = std::max(maximum, s);
    }
    for (Real& s : p) sum += s = s == -INFINITY ? 0 : std::exp(s - maximum);
    for (int64_t j = 0; j < tk; ++j) {
      Real& pj = p[static_cast<size_t>(j)];
      pj = sum == 0 ? 0 : pj / sum;
      for (int64_t c = 0; c < dv; ++c) {
        at(r.o, dv, i, c) += pj * in(h.v, dv, j, c);
        at(r.dv, dv, j, c) += pj * in(h.d_o, dv, i, c);
        dp[static_cast<size_t>(j)] += in(h.d_o, dv, i, c) * in(h.v, dv, j, c);
      }
      dot += pj * dp[static_cast<size_t>(j)];
    }
    for (int64_t j = 0; j < tk; ++j) {
      const Real ds = p[static_cast<size_t>(j)] * (dp[static_cast<size_t>(j)] - dot);
      at(r.d_bias, tk, i, j) = ds;
      for (int64_t c = 0; c < d; ++c) {
        at(r.dq, d, i, c) += factor * ds * in(h.k, d, j, c);
        at(r.dk, d, j, c) += factor * ds * in(h.q, d, i, c);
      }
    }
  }
  return r;
}

// An output matrix, in rows with gaps; NaN until it is written.
template <class T>
struct Output {
  int64_t rows, cols;
  Fenced<T> memory;
  Output(int64_t r, int64_t c)
      : rows(r), cols(c), memory(r * (c + 3), std::numeric_limits<T>::quiet_NaN()) {}
  RowMajor<T> view() { return {memory.data(), cols + 3}; }
  RowMajor<const T> view() const { return {memory.data(), cols + 3}; }
  T at(int64_t i, int64_t j) const { return memory[i * (cols + 3) + j]; }

  // Close to the exact numbers, relative to the largest; gaps and fences untouched.
  void expect(const char* name, const std::vector<Real>& reference, int64_t tk) const {
    memory.expect_fences_untouched();
    Real largest = 1;
    for (const Real x : reference) largest = std::max(largest, std::fabs(x));
    const Real tolerance = (40 + static_cast<Real>(tk)) * std::numeric_limits<T>::epsilon();
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j)
        ASSERT_LE(std::fabs(at(i, j) - reference[static_cast<size_t>(i * cols + j)]),
                  tolerance * largest)
            << name << "[" << i << ", " << j << "]";
      for (int64_t j = cols; j < cols + 3; ++j) ASSERT_TRUE(std::isnan(at(i, j))) << name;
    }
  }
};

template <class T>
struct Outputs {
  Output<T> o, dk, dv, d_bias;
  std::vector<Output<T>> dq;  // of each part
  Fenced<T> maximum, inverse_sum, kept;
  AttentionPlan plan;

  Outputs(const Head<T>& h, bool keep_probabilities)
      : o(h.size.tq, h.size.dv),
        dk(h.size.tk, h.size.d),
        dv(h.size.tk, h.size.dv),
        d_bias(h.size.tq, h.size.tk),
        maximum(h.size.tq),
        inverse_sum(h.size.tq),
        kept(keep_probabilities ? h.size.tq * h.size.tk : 0),
        plan(attention_plan(1, h.size.tq, h.size.tk, keep_probabilities)) {
    for (int64_t i = 0; i < d_bias.memory.size(); ++i) {  // only written where a key is seen
      const int64_t column = i % (h.size.tk + 3);
      if (column < h.size.tk) d_bias.memory[i] = T(0);
    }
    for (int64_t part = 0; part < plan.parts; ++part) {
      attention_forward<T>({.head = h.args(),
                            .o = o.view(),
                            .maximum = maximum.data(),
                            .inverse_sum = inverse_sum.data(),
                            .kept = kept.data()},
                           plan, part);
    }
    const Output<T>& result = o;
    for (int64_t part = 0; part < plan.parts; ++part) {
      dq.emplace_back(h.size.tq, h.size.d);
      attention_backward<T>({.head = h.args(),
                             .o = result.view(),
                             .d_o = {h.d_o.data(), h.size.dv + Head<T>::gap},
                             .maximum = maximum.data(),
                             .inverse_sum = inverse_sum.data(),
                             .kept = kept.data(),
                             .dq = dq.back().view(),
                             .dk = dk.view(),
                             .dv = dv.view(),
                             .accumulate = false,
                             .d_bias = h.size.biased ? d_bias.view() : RowMajor<T>{}},
                            plan, part);
    }
    for (int64_t part = 1; part < plan.parts; ++part)
      for (int64_t i = 0; i < dq[0].memory.size(); ++i)
        dq[0].memory[i] += dq[static_cast<size_t>(part)].memory[i];
  }
};

template <class T>
void check_head(const Sizes& s, const AttentionTuning& tuning) {
  SCOPED_TRACE(::testing::Message()
               << "tq " << s.tq << " tk " << s.tk << " d " << s.d << " dv " << s.dv << " offset "
               << s.causal_offset << (s.masked ? " masked" : "") << (s.biased ? " biased" : "")
               << ", way " << static_cast<int>(tuning.way) << " blocks " << tuning.query_block
               << " x " << tuning.key_block << " parts " << tuning.parts);
  const ScopedAttentionTuning scope(tuning);
  const Head<T> head(s);
  const Outputs<T> got(head, tuning.way == Way::materialised);
  const Results want = exact(head);
  got.o.expect("o", want.o, s.tk);
  got.dq[0].expect("dq", want.dq, s.tk);
  got.dk.expect("dk", want.dk, s.tk);
  got.dv.expect("dv", want.dv, s.tk);
  if (s.biased) got.d_bias.expect("dbias", want.d_bias, s.tk);
  got.maximum.expect_fences_untouched();
  got.inverse_sum.expect_fences_untouched();
  got.kept.expect_fences_untouched();
}

const std::vector<AttentionTuning> tunings = {
    {},
    {.way = Way::materialised},
    {.way = Way::materialised, .query_block = 5},
    {.way = Way::tiled, .query_block = 5, .key_block = 7},
    {.way = Way::tiled, .query_block = 16, .key_block = 16, .parts = 3},
    {.way = Way::tiled, .query_block = 1, .key_block = 1},
    {.way = Way::tiled, .query_block = 17, .key_block = 3, .parts = 2},
};

template <class T>
class AttentionKernels : public ::testing::Test {};
TYPED_TEST_SUITE(AttentionKernels, test::FloatingTypes);

TYPED_TEST(AttentionKernels, AgreeWithPlainLoopsAtEveryLengthAndWidth) {
  on_every_isa([&] {
    int choice = 0;
    for (const int64_t tk : {0, 1, 2, 6, 7, 8, 15, 16, 17, 33, 65})
      for (const int64_t tq : {0, 1, 5, 6, 7, 16, 18}) {
        const int64_t widths[] = {1, 3, 4, 8, 16, 17, 33, 64, 65, 130};
        const auto width = [&] { return widths[++choice % 10]; };
        for (const AttentionTuning& tuning : tunings)
          for (const int64_t offset : {int64_t{0}, tk}) {
            const int64_t d = width();
            check_head<TypeParam>({.tq = tq,
                                   .tk = tk,
                                   .d = d,
                                   .dv = width(),
                                   .causal_offset = offset,
                                   .scale = 1 / std::sqrt(double(d))},
                                  tuning);
            if (this->HasFatalFailure()) return;
          }
      }
  });
}

TYPED_TEST(AttentionKernels, HideWhatMayNotBeSeen) {
  on_every_isa([&] {
    for (const AttentionTuning& tuning : tunings)
      for (const int64_t offset : {-40, -2, 0, 3, 12, 40})
        for (const int mode : {0, 1, 2, 3})
          for (const double scale : {0.7, -0.3, 0.0}) {
            check_head<TypeParam>({.tq = 11,
                                   .tk = 23,
                                   .d = 5,
                                   .dv = 19,
                                   .causal_offset = offset,
                                   .masked = (mode & 1) != 0,
                                   .biased = (mode & 2) != 0,
                                   .scale = scale},
                                  tuning);
            if (this->HasFatalFailure()) return;
          }
  });
}

// Maxima that grow from tile to tile by more than exp can follow, and -inf among the scores.
TYPED_TEST(AttentionKernels, SurviveLargeScores) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const AttentionTuning& tuning : tunings) {
      const ScopedAttentionTuning scope(tuning);
      Head<T> head(
          {.tq = 4, .tk = 20, .d = 1, .dv = 2, .causal_offset = 20, .biased = true, .scale = 1});
      for (int64_t i = 0; i < head.bias.size(); ++i) head.bias[i] = T(0);
      for (int64_t j = 0; j < 20; ++j) {
        head.bias[0 * 23 + j] = T(1000 * j);                                          // rising
        head.bias[1 * 23 + j] = T(-1000 * j);                                         // falling
        head.bias[2 * 23 + j] = j == 9 ? T(3) : -std::numeric_limits<T>::infinity();  // one key
        head.bias[3 * 23 + j] = -std::numeric_limits<T>::infinity();                  // none
      }
      for (int64_t i = 0; i < head.q.size(); ++i) head.q[i] = T(0);
      const Outputs<T> got(head, tuning.way == Way::materialised);
      for (int64_t c = 0; c < 2; ++c) {
        const auto value = [&](int64_t j) { return head.v[j * 5 + c]; };
        EXPECT_EQ(got.o.at(0, c), value(19));
        EXPECT_EQ(got.o.at(1, c), value(0));
        EXPECT_EQ(got.o.at(2, c), value(9));
        EXPECT_EQ(got.o.at(3, c), T(0));
      }
      // One key each: nothing that q or the bias could change.
      for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(got.dq[0].at(i, 0), T(0)) << i;
      for (int64_t i = 0; i < 4 * 20; ++i) EXPECT_EQ(got.d_bias.at(i / 20, i % 20), T(0)) << i;
    }
  });
}

// The plan is one of sizes, and the two ways are chosen where each is quicker.
TEST(AttentionPlans, KeepShortRowsAndTileLongOnes) {
  EXPECT_TRUE(attention_plan(12, 64, 64, true).keep);
  EXPECT_TRUE(attention_plan(12, 1, 256, true).keep);
  EXPECT_FALSE(attention_plan(12, 64, 257, true).keep);
  EXPECT_FALSE(attention_plan(12, 4096, 4096, true).keep);
  EXPECT_FALSE(attention_plan(12, 64, 64, false).keep);  // nobody will ask for them
  EXPECT_EQ(attention_plan(12, 4096, 4096, true).parts, 1);
  EXPECT_EQ(attention_plan(1, 4096, 4096, true).parts, 8);
  EXPECT_EQ(attention_plan(1, 64, 64, true).parts, 1);
  const ScopedAttentionTuning scope({.way = Way::materialised});
  EXPECT_TRUE(attention_plan(12, 4096, 4096, true).keep);
  EXPECT_EQ(attention_plan(12, 4096, 4096, true).key_block, 4096);
}

}  // namespace
}  // namespace gradus::kernels
