/// \file
/// Elementwise ops.
#pragma once

#include "gradus/random.h"
#include "gradus/tensor.h"

namespace gradus {

/// Elementwise arithmetic with broadcasting (NumPy's rule: sizes equal, or one of them 1, aligned
/// at the last axis). \throws Error if the shapes do not broadcast or the dtypes differ.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }

/// A C++ number takes the dtype of the tensor it meets.
inline Tensor operator+(const Tensor& a, double b) { return add(a, Tensor(b, a.dtype())); }
inline Tensor operator-(const Tensor& a, double b) { return sub(a, Tensor(b, a.dtype())); }
inline Tensor operator*(const Tensor& a, double b) { return mul(a, Tensor(b, a.dtype())); }
inline Tensor operator/(const Tensor& a, double b) { return div(a, Tensor(b, a.dtype())); }
inline Tensor operator+(double a, const Tensor& b) { return add(Tensor(a, b.dtype()), b); }
inline Tensor operator-(double a, const Tensor& b) { return sub(Tensor(a, b.dtype()), b); }
inline Tensor operator*(double a, const Tensor& b) { return mul(Tensor(a, b.dtype()), b); }
inline Tensor operator/(double a, const Tensor& b) { return div(Tensor(a, b.dtype()), b); }

/// A function of each element, by its name in src/kernels/isa/elementwise.cpp, where its value and
/// its slope stand. \throws Error if there is none of that name.
Tensor elementwise(const char* op, const Tensor& x);

inline Tensor neg(const Tensor& x) { return elementwise("neg", x); }
inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor exp(const Tensor& x) { return elementwise("exp", x); }
inline Tensor log(const Tensor& x) { return elementwise("log", x); }
inline Tensor sqrt(const Tensor& x) { return elementwise("sqrt", x); }
inline Tensor tanh(const Tensor& x) { return elementwise("tanh", x); }
/// max(x, 0); the gradient at exactly 0 is 0, as in PyTorch.
inline Tensor relu(const Tensor& x) { return elementwise("relu", x); }
/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): the tanh form of Hendrycks and Gimpel,
/// "Gaussian Error Linear Units" (2016), which GPT-2 uses; gelu(x, approximate="tanh") in PyTorch.
inline Tensor gelu_tanh(const Tensor& x) { return elementwise("gelu_tanh", x); }

/// `value` where the mask (bool, broadcasts to x's shape) is true, x elsewhere.
Tensor masked_fill(const Tensor& x, const Array& mask, double value);

/// Each element zeroed with probability p, the others divided by 1 - p so that the expectation
/// stays (Srivastava et al. 2014). The generator moves on by one draw per element; with p = 0 the
/// result is x. \throws Error unless 0 <= p <= 1.
Tensor dropout(const Tensor& x, double p, Generator& generator);

}  // namespace gradus
