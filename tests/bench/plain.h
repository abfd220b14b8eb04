// The textbook's loops: one element after the other, with the functions of the C++ standard
// library. What a kernel is measured against, and what a compiler makes of them at -O2.
#pragma once

#include <cstdint>

namespace gradus::bench::plain {

// ---- y[i] = f(x[i]), dx[i] = dy[i] f'(x[i]) ----

void exp(float* y, const float* x, int64_t n);
void log(float* y, const float* x, int64_t n);
void tanh(float* y, const float* x, int64_t n);
void erf(float* y, const float* x, int64_t n);
void sigmoid(float* y, const float* x, int64_t n);
void silu(float* y, const float* x, int64_t n);
void gelu(float* y, const float* x, int64_t n);
void gelu_tanh(float* y, const float* x, int64_t n);
void gelu_backward(float* dx, const float* dy, const float* x, int64_t n);
void gelu_tanh_backward(float* dx, const float* dy, const float* x, int64_t n);

void add(float* z, const float* x, const float* y, int64_t n);
float sum(const float* x, int64_t n);
void adamw(float* p, float* m, float* v, const float* g, int64_t n, float learning_rate, int step);

// ---- on the rows of dense matrices (rows, cols) ----

void softmax(float* y, const float* x, int64_t rows, int64_t cols);
void softmax_backward(float* dx, const float* dy, const float* y, int64_t rows, int64_t cols);
void log_softmax(float* y, const float* x, int64_t rows, int64_t cols);
// The losses, and then the gradient of their sum.
void cross_entropy(float* loss, float* dx, const float* x, const int64_t* target, int64_t rows,
                   int64_t cols);
void layer_norm(float* y, float* mean, float* rstd, const float* x, const float* weight,
                const float* bias, int64_t rows, int64_t cols);
void layer_norm_backward(float* dx, float* dweight, float* dbias, const float* dy, const float* x,
                         const float* mean, const float* rstd, const float* weight, int64_t rows,
                         int64_t cols);
void rms_norm(float* y, float* rstd, const float* x, const float* weight, int64_t rows,
              int64_t cols);
void gather(float* y, const float* table, const int64_t* index, int64_t rows, int64_t cols);
void scatter_add(float* table, const float* dy, const int64_t* index, int64_t rows, int64_t cols);

}  // namespace gradus::bench::plain
