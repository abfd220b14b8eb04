// Kernels that work row by row: softmax, layer normalisation, cross-entropy, and sums.
//
// A row is read two or three times, but from the cache: what is written below as separate passes
// (the maximum, the sum, the result) costs little more than a single one.
#include "kernels/isa/loops.h"
#include "kernels/isa/vec_math.h"
#include "kernels/tables.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// ---- softmax -----------------------------------------------------------------------------------

// What softmax subtracts from a row of logits, so that no exponential overflows: their maximum, or
// 0 where all of them are -inf, so that x - maximum stays -inf instead of becoming NaN.
template <class T>
T finite_or_zero(T max) {
  return max == -Constants<T>::infinity ? T(0) : max;
}

// y_j = e_j / sum_k e_k with e_j = exp(x_j - max_k x_k). The sum is at least 1, unless every logit
// is -inf: then it is 0, and so is the row.
template <class T>
void softmax_row(T* y, const T* x, int64_t n) {
  const T max = finite_or_zero(maximum<T>(n, each(x)));
  const auto exponentiate = [=](int64_t j, int64_t left) {
    const Vec<T> e = exp<T>(load_next(x + j, left) - max);
    store_next(y + j, e, left);
    return e;
  };
  const T total = sum<T>(n, exponentiate);
  const T factor = total == T(0) ? T(0) : T(1) / total;
  const auto normalise = [=](Vec<T> e) { return e * factor; };
  map(y, n, normalise, each(y));
}

// From y_j = e_j / sum_k e_k follows dy_j/dx_i = y_j ([i == j] - y_i), and so
//   dx_i = sum_j dy_j y_j ([i == j] - y_i) = y_i (dy_i - sum_j y_j dy_j).
// Where y is 0, x has no influence: dx is 0 there, whatever dy holds.
template <class T>
void softmax_backward_row(T* dx, const T* dy, const T* y, int64_t n) {
  const auto times = [](Vec<T> p, Vec<T> g) { return select(p == T(0), Vec<T>{}, p * g); };
  const auto product = [=](int64_t j, int64_t left) {
    return times(load_next(y + j, left), load_next(dy + j, left));
  };
  const T dot = sum<T>(n, product);
  const auto gradient = [=](Vec<T> p, Vec<T> g) { return times(p, g - dot); };
  map(dx, n, gradient, each(y), each(dy));
}

template <class T>
void softmax(T* y, const T* x, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i) softmax_row(y + i * cols, x + i * cols, cols);
}

template <class T>
void softmax_backward(T* dx, const T* dy, const T* y, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i)
    softmax_backward_row(dx + i * cols, dy + i * cols, y + i * cols, cols);
}

// ---- the logarithm of softmax, and cross-entropy -----------------------------------------------

// log sum_j exp(x_j) = max + log(sum_j exp(x_j - max)), in its two parts: added up, a large maximum
// would swallow digits of the small logarithm.
template <class T>
struct LogSumExp {
  T max, log_total;
};

// A long row is read from memory once only: block by block, each of which stays in the L1 cache
// between the search for its maximum and the sum. Where a block has a larger maximum than all
// before it, e^(x_j - max) of those becomes smaller by the factor e^(old max - new max), and so
// does their sum.
template <class T>
LogSumExp<T> log_sum_exp(const T* x, int64_t n) {
  constexpr int64_t block = 2048;
  T max = -Constants<T>::infinity, total = 0;
  for (; n > 0; x += block, n -= block) {
    const int64_t size = n < block ? n : block;
    const T block_max = maximum<T>(size, each(x));
    if (block_max > max) {
      total *= exp_of(max - block_max);
      max = block_max;
    }
    const auto exponential = [=, m = finite_or_zero(max)](int64_t j, int64_t left) {
      return exp<T>(load_next(x + j, left) - m);
    };
    total += sum<T>(size, exponential);
  }
  return {finite_or_zero(max), total == T(0) ? T(0) : log_of(total)};
}

// y_i = x_i - log sum_k exp(x_k). A row that is all -inf stays so: the logarithm of softmax's
// zeros.
template <class T>
void log_softmax(T* y, const T* x, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    const auto [max, log_total] = log_sum_exp(x, cols);
    const auto subtract = [m = max, l = log_total](Vec<T> v) { return (v - m) - l; };
    map(y, cols, subtract, each(x));
  }
}

// dy_j/dx_i = [i == j] - exp(y_i), and so dx_i = dy_i - exp(y_i) sum_j dy_j.
template <class T>
void log_softmax_backward(T* dx, const T* dy, const T* y, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, dx += cols, dy += cols, y += cols) {
    const T total = sum<T>(cols, each(dy));
    const auto gradient = [=](Vec<T> g, Vec<T> v) { return g - exp<T>(v) * total; };
    map(dx, cols, gradient, each(dy), each(y));
  }
}

// The loss of a row is -sum_j q_j log_softmax(x)_j, where q is 1 for the target and 0 elsewhere;
// or, smoothed by s, 1 - s more for the target than the s / n of all others: then it is
//   (1 - s) (log sum exp x - x_target) + s (log sum exp x - mean of x).
template <class T>
void cross_entropy(T* loss, T* log_sum_exps, const T* x, const int64_t* target, int64_t rows,
                   int64_t cols, const CrossEntropyRule& rule) {
  const T smoothing = static_cast<T>(rule.smoothing), n = static_cast<T>(cols);
  for (int64_t i = 0; i < rows; ++i, x += cols) {
    if (target[i] == rule.ignored) {
      loss[i] = log_sum_exps[i] = T(0);
      continue;
    }
    const auto [max, log_total] = log_sum_exp(x, cols);
    loss[i] = (max - x[target[i]]) + log_total;
    log_sum_exps[i] = max + log_total;
    if (smoothing == T(0)) continue;
    const auto below_max = [=, m = max](int64_t j, int64_t left) {
      return m - load_next(x + j, left);
    };
    const T even = sum<T>(cols, below_max) / n + log_total;
    loss[i] = (T(1) - smoothing) * loss[i] + smoothing * even;
  }
}

// d loss_i / dx_ij = softmax(x_i)_j - q_ij, by the derivative of log_softmax above.
template <class T>
void cross_entropy_backward(T* dx, const T* dloss, const T* x, const T* log_sum_exps,
                            const int64_t* target, int64_t rows, int64_t cols,
                            const CrossEntropyRule& rule) {
  const T smoothing = static_cast<T>(rule.smoothing), n = static_cast<T>(cols);
  for (int64_t i = 0; i < rows; ++i, dx += cols, x += cols) {
    if (target[i] == rule.ignored) {
      map(
          dx, cols, [](Vec<T> zero) { return zero; }, always(T(0)));
      continue;
    }
    const T g = dloss[i], lse = log_sum_exps[i], share = g * (smoothing / n);
    const auto gradient = [=](Vec<T> v) { return g * exp<T>(v - lse) - share; };
    map(dx, cols, gradient, each(x));
    dx[target[i]] -= g * (T(1) - smoothing);
  }
}

// ---- normalisation -----------------------------------------------------------------------------

// y_j = xhat_j w_j + b_j with xhat_j = (x_j - mean) rstd. The variance is the mean of (x - mean)^2,
// and not E[x^2] - mean^2, which loses every digit when the mean is large. RMS normalisation is the
// same with 0 in place of the mean.
template <class T>
void layer_norm(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, T eps,
                int64_t rows, int64_t cols) {
  const T n = static_cast<T>(cols);
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    const T m = mean == nullptr ? T(0) : sum<T>(cols, each(x)) / n;
    const auto squared_deviation = [=](int64_t j, int64_t left) {
      const Vec<T> d = load_next(x + j, left) - m;
      return d * d;
    };
    const T variance = sum<T>(cols, squared_deviation) / n;
    const T r = T(1) / sqrt_of(variance + eps);
    const auto scale = [=](Vec<T> v, Vec<T> w) { return (v - m) * r * w; };
    const auto scale_and_shift = [=](Vec<T> v, Vec<T> w, Vec<T> b) { return (v - m) * r * w + b; };
    if (bias == nullptr)
      map(y, cols, scale, each(x), each(weight));
    else
      map(y, cols, scale_and_shift, each(x), each(weight), each(bias));
    if (mean != nullptr) mean[i] = m;
    rstd[i] = r;
  }
}

// With g_j = dy_j w_j, the gradient that arrives at xhat, and E the mean over a row's n columns:
//   dw_j += dy_j xhat_j,  db_j += dy_j   (summed over the rows).
// x reaches the loss through x - mean, whose own slope removes the mean of a gradient, and through
// rstd, where d rstd / dx_j = -rstd^2 xhat_j / n:
//   dx_j = rstd (g_j - E[g]) - rstd xhat_j E[g xhat] = rstd (g_j - E[g] - xhat_j E[g xhat]).
// Without a mean, x is not centred, and no E[g] is taken away.
//
// Both means, dw and db come from one pass over the row, dx from a second one.
template <class T>
void layer_norm_backward(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* mean,
                         const T* rstd, const T* weight, int64_t rows, int64_t cols) {
  const T n = static_cast<T>(cols);
  for (int64_t i = 0; i < rows; ++i, dx += cols, dy += cols, x += cols) {
    const T m = mean == nullptr ? T(0) : mean[i], r = rstd[i];
    Vec<T> sum_g{}, sum_g_xhat{};
    for (int64_t j = 0; j < cols; j += width<T>) {
      const int64_t left = cols - j;
      const Vec<T> dy_j = load_next(dy + j, left), g = dy_j * load_next(weight + j, left);
      const Vec<T> xhat = (load_next(x + j, left) - m) * r;
      sum_g = sum_g + g;  // lanes beyond the row are 0
      sum_g_xhat = sum_g_xhat + g * xhat;
      if (dweight != nullptr)
        store_next(dweight + j, load_next(dweight + j, left) + dy_j * xhat, left);
      if (dbias != nullptr) store_next(dbias + j, load_next(dbias + j, left) + dy_j, left);
    }
    const T mean_g = mean == nullptr ? T(0) : sum_lanes(sum_g) / n;
    const T mean_g_xhat = sum_lanes(sum_g_xhat) / n;
    const auto gradient = [=](Vec<T> g, Vec<T> w, Vec<T> v) {
      return r * (g * w - mean_g - (v - m) * r * mean_g_xhat);
    };
    map(dx, cols, gradient, each(dy), each(weight), each(x));  // last, because dx may be dy
  }
}

// ---- sums --------------------------------------------------------------------------------------

// The sum of f over begin <= i < end, halved until it is short: rounding errors then grow with the
// logarithm of its length.
template <class T, class F>
T pairwise_sum(int64_t begin, int64_t end, F f) {
  constexpr int64_t block = 2048;
  if (end - begin <= block)
    return sum<T>(end - begin, [=](int64_t i, int64_t left) { return f(begin + i, left); });
  const int64_t blocks = (end - begin + block - 1) / block;
  const int64_t middle = begin + blocks / 2 * block;
  return pairwise_sum<T>(begin, middle, f) + pairwise_sum<T>(middle, end, f);
}

template <class T>
T sum_of(const T* x, int64_t n) {
  return pairwise_sum<T>(0, n, each(x));
}

// The next width<double> numbers as doubles, in which a float's square neither overflows nor
// rounds.
Vec<double> load_next_wide(const double* p, int64_t n) { return load_next(p, n); }

Vec<double> load_next_wide(const float* p, int64_t n) {
  typedef float HalfVec __attribute__((vector_size(vector_bytes / 2)));
  HalfVec v{};
  if (n >= width<double>)
    __builtin_memcpy(&v, p, sizeof v);
  else
    for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return __builtin_convertvector(v, Vec<double>);
}

template <class T>
double sum_squares(const T* x, int64_t n) {
  return pairwise_sum<double>(0, n, [=](int64_t i, int64_t left) {
    const Vec<double> v = load_next_wide(x + i, left);
    return v * v;
  });
}

// Four rows at a time, so that y is loaded and stored a quarter as often.
template <class T>
void add_rows(T* y, const T* x, int64_t rows, int64_t cols, int64_t x_stride) {
  const int64_t s = x_stride;
  const auto add_four = [](Vec<T> total, Vec<T> a, Vec<T> b, Vec<T> c, Vec<T> d) {
    return total + ((a + b) + (c + d));
  };
  for (; rows >= 4; rows -= 4, x += 4 * s)
    map(y, cols, add_four, each(y), each(x), each(x + s), each(x + 2 * s), each(x + 3 * s));
  for (; rows > 0; --rows, x += s) map(y, cols, plus<T>, each(y), each(x));
}

// ---- the table ---------------------------------------------------------------------------------

template <class T>
constexpr Rows<T> make_table() {
  return {.softmax = softmax<T>,
          .softmax_backward = softmax_backward<T>,
          .log_softmax = log_softmax<T>,
          .log_softmax_backward = log_softmax_backward<T>,
          .layer_norm = layer_norm<T>,
          .layer_norm_backward = layer_norm_backward<T>,
          .cross_entropy = cross_entropy<T>,
          .cross_entropy_backward = cross_entropy_backward<T>,
          .sum = sum_of<T>,
          .sum_squares = sum_squares<T>,
          .add_rows = add_rows<T>};
}

}  // namespace

constinit const Family<Rows> rows_table = {make_table<float>(), make_table<double>()};

}  // namespace gradus::kernels::GRADUS_ISA
