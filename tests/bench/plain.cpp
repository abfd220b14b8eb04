#include "bench/plain.h"

#include <algorithm>
#include <cmath>

namespace gradus::bench::plain {
namespace {

template <class F>
void map(float* y, const float* x, int64_t n, F f) {
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
}

constexpr float root_half = 0.70710678f, root_2_over_pi = 0.79788456f;

float gelu_inner(float x) { return root_2_over_pi * (x + 0.044715f * x * x * x); }

}  // namespace

void exp(float* y, const float* x, int64_t n) {
  map(y, x, n, [](float v) { return std::exp(v); });
}
void log(float* y, const float* x, int64_t n) {
  map(y, x, n, [](float v) { return std::log(v); });
}
void tanh(float* y, const float* x, int64_t n) {
  map(y, x, n, [](float v) { return std::tanh(v); });
}
void erf(float* y, const float* x, int64_t n) {
  map(y, x, n, [](float v) { return std::erf(v); });
}
void sigmoid(float* y, const float* x, int64_t n) {
  map(y, x, n, [](float v) { return 1 / (1 + std::exp(-v)); });
}
void silu(float* y, const float* x, int64_t n) {
  map(y, x, n, [](float v) { return v / (1 + std::exp(-v)); });
}
void gelu(float* y, const float* x, int64_t n) {
  map(y, x, n, [](float v) { return v / 2 * (1 + std::erf(v * root_half)); });
}
void gelu_tanh(float* y, const float* x, int64_t n) {
  map(y, x, n, [](float v) { return v / 2 * (1 + std::tanh(gelu_inner(v))); });
}
void gelu_backward(float* dx, const float* dy, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float v = x[i], density = 0.39894228f * std::exp(-v * v / 2);
    dx[i] = dy[i] * ((1 + std::erf(v * root_half)) / 2 + v * density);
  }
}
void gelu_tanh_backward(float* dx, const float* dy, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float v = x[i], t = std::tanh(gelu_inner(v));
    const float slope = root_2_over_pi * (1 + 3 * 0.044715f * v * v);
    dx[i] = dy[i] * ((1 + t) / 2 + v / 2 * (1 - t * t) * slope);
  }
}

void add(float* z, const float* x, const float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) z[i] = x[i] + y[i];
}

float sum(const float* x, int64_t n) {
  float total = 0;
  for (int64_t i = 0; i < n; ++i) total += x[i];
  return total;
}

void adamw(float* p, float* m, float* v, const float* g, int64_t n, float learning_rate, int step) {
  const float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f, weight_decay = 0.1f;
  const float correction1 = 1 - std::pow(beta1, static_cast<float>(step));
  const float correction2 = 1 - std::pow(beta2, static_cast<float>(step));
  for (int64_t i = 0; i < n; ++i) {
    p[i] -= learning_rate * weight_decay * p[i];
    m[i] = beta1 * m[i] + (1 - beta1) * g[i];
    v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
    p[i] -= learning_rate * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + epsilon);
  }
}

void softmax(float* y, const float* x, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    float max = x[0], total = 0;
    for (int64_t j = 1; j < cols; ++j) max = std::max(max, x[j]);
    for (int64_t j = 0; j < cols; ++j) total += y[j] = std::exp(x[j] - max);
    for (int64_t j = 0; j < cols; ++j) y[j] /= total;
  }
}

void softmax_backward(float* dx, const float* dy, const float* y, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, dx += cols, dy += cols, y += cols) {
    float dot = 0;
    for (int64_t j = 0; j < cols; ++j) dot += y[j] * dy[j];
    for (int64_t j = 0; j < cols; ++j) dx[j] = y[j] * (dy[j] - dot);
  }
}

namespace {
float log_sum_exp(const float* x, int64_t cols) {
  float max = x[0], total = 0;
  for (int64_t j = 1; j < cols; ++j) max = std::max(max, x[j]);
  for (int64_t j = 0; j < cols; ++j) total += std::exp(x[j] - max);
  return max + std::log(total);
}
}  // namespace

void log_softmax(float* y, const float* x, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    const float lse = log_sum_exp(x, cols);
    for (int64_t j = 0; j < cols; ++j) y[j] = x[j] - lse;
  }
}

void cross_entropy(float* loss, float* dx, const float* x, const int64_t* target, int64_t rows,
                   int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, dx += cols) {
    const float lse = log_sum_exp(x, cols);
    loss[i] = lse - x[target[i]];
    for (int64_t j = 0; j < cols; ++j) dx[j] = std::exp(x[j] - lse);
    dx[target[i]] -= 1;
  }
}

void layer_norm(float* y, float* mean, float* rstd, const float* x, const float* weight,
                const float* bias, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    float m = 0, variance = 0;
    for (int64_t j = 0; j < cols; ++j) m += x[j];
    m /= static_cast<float>(cols);
    for (int64_t j = 0; j < cols; ++j) variance += (x[j] - m) * (x[j] - m);
    variance /= static_cast<float>(cols);
    const float r = 1 / std::sqrt(variance + 1e-5f);
    for (int64_t j = 0; j < cols; ++j) y[j] = (x[j] - m) * r * weight[j] + bias[j];
    mean[i] = m;
    rstd[i] = r;
  }
}

void layer_norm_backward(float* dx, float* dweight, float* dbias, const float* dy, const float* x,
                         const float* mean, const float* rstd, const float* weight, int64_t rows,
                         int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, dx += cols, dy += cols, x += cols) {
    float mean_g = 0, mean_g_xhat = 0;
    for (int64_t j = 0; j < cols; ++j) {
      const float xhat = (x[j] - mean[i]) * rstd[i], g = dy[j] * weight[j];
      mean_g += g;
      mean_g_xhat += g * xhat;
      dweight[j] += dy[j] * xhat;
      dbias[j] += dy[j];
    }
    mean_g /= static_cast<float>(cols);
    mean_g_xhat /= static_cast<float>(cols);
    for (int64_t j = 0; j < cols; ++j) {
      const float xhat = (x[j] - mean[i]) * rstd[i];
      dx[j] = rstd[i] * (dy[j] * weight[j] - mean_g - xhat * mean_g_xhat);
    }
  }
}

void rms_norm(float* y, float* rstd, const float* x, const float* weight, int64_t rows,
              int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    float square = 0;
    for (int64_t j = 0; j < cols; ++j) square += x[j] * x[j];
    const float r = 1 / std::sqrt(square / static_cast<float>(cols) + 1e-5f);
    for (int64_t j = 0; j < cols; ++j) y[j] = x[j] * r * weight[j];
    rstd[i] = r;
  }
}

void gather(float* y, const float* table, const int64_t* index, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) y[i * cols + j] = table[index[i] * cols + j];
}

void scatter_add(float* table, const float* dy, const int64_t* index, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) table[index[i] * cols + j] += dy[i * cols + j];
}

}  // namespace gradus::bench::plain
