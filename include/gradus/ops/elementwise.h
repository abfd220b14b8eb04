/// \file
/// Elementwise ops.
///
/// The gradients are derived in \ref derive_elementwise "docs/derivations.md".
#pragma once

#include "gradus/random.h"
#include "gradus/tensor.h"

namespace gradus {

/// a + b, element by element, with broadcasting (NumPy's rule: sizes equal, or one of them 1,
/// aligned at the last axis). \throws Error if the shapes do not broadcast or the dtypes differ.
Tensor add(const Tensor& a, const Tensor& b);
/// a - b. \throws Error as add.
Tensor sub(const Tensor& a, const Tensor& b);
/// a b, element by element; the matrix product is matmul. \throws Error as add.
Tensor mul(const Tensor& a, const Tensor& b);
/// a / b. \throws Error as add.
Tensor div(const Tensor& a, const Tensor& b);

/// See add.
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
/// See sub.
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
/// See mul.
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
/// See div.
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }

// A C++ number takes the dtype of the tensor it meets.

/// Each element plus a number.
inline Tensor operator+(const Tensor& a, double b) { return add(a, Tensor(b, a.dtype())); }
/// Each element minus a number.
inline Tensor operator-(const Tensor& a, double b) { return sub(a, Tensor(b, a.dtype())); }
/// Each element times a number.
inline Tensor operator*(const Tensor& a, double b) { return mul(a, Tensor(b, a.dtype())); }
/// Each element divided by a number.
inline Tensor operator/(const Tensor& a, double b) { return div(a, Tensor(b, a.dtype())); }
/// A number plus each element.
inline Tensor operator+(double a, const Tensor& b) { return add(Tensor(a, b.dtype()), b); }
/// A number minus each element.
inline Tensor operator-(double a, const Tensor& b) { return sub(Tensor(a, b.dtype()), b); }
/// A number times each element.
inline Tensor operator*(double a, const Tensor& b) { return mul(Tensor(a, b.dtype()), b); }
/// A number divided by each element.
inline Tensor operator/(double a, const Tensor& b) { return div(Tensor(a, b.dtype()), b); }

/// A function of each element, by its name in src/kernels/isa/elementwise.cpp, where its value and
/// its slope stand. \throws Error if there is none of that name, or x is neither float32 nor
/// float64.
Tensor elementwise(const char* op, const Tensor& x);

/// -x.
inline Tensor neg(const Tensor& x) { return elementwise("neg", x); }
/// See neg.
inline Tensor operator-(const Tensor& x) { return neg(x); }
/// e^x.
inline Tensor exp(const Tensor& x) { return elementwise("exp", x); }
/// The natural logarithm: -inf at 0, NaN below.
inline Tensor log(const Tensor& x) { return elementwise("log", x); }
/// The square root: NaN below 0.
inline Tensor sqrt(const Tensor& x) { return elementwise("sqrt", x); }
/// 1 / sqrt(x).
inline Tensor rsqrt(const Tensor& x) { return elementwise("rsqrt", x); }
/// x^2.
inline Tensor square(const Tensor& x) { return elementwise("square", x); }
/// |x|; the gradient at exactly 0 is 0, as in PyTorch.
inline Tensor abs(const Tensor& x) { return elementwise("abs", x); }
/// 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.
inline Tensor erf(const Tensor& x) { return elementwise("erf", x); }
/// The logistic function 1 / (1 + e^-x).
inline Tensor sigmoid(const Tensor& x) { return elementwise("sigmoid", x); }
/// (e^x - e^-x) / (e^x + e^-x).
inline Tensor tanh(const Tensor& x) { return elementwise("tanh", x); }
/// max(x, 0); the gradient at exactly 0 is 0, as in PyTorch.
inline Tensor relu(const Tensor& x) { return elementwise("relu", x); }
/// log(1 + e^x), a smooth relu, whose slope is the sigmoid (Dugas et al., "Incorporating
/// Second-Order Functional Knowledge for Better Option Pricing", 2000).
inline Tensor softplus(const Tensor& x) { return elementwise("softplus", x); }
/// x sigmoid(x), also known as swish (Hendrycks and Gimpel 2016; Elfwing, Uchibe and Doya 2018;
/// Ramachandran, Zoph and Le 2017).
inline Tensor silu(const Tensor& x) { return elementwise("silu", x); }
/// x P(X <= x) for a standard normal X, = x / 2 (1 + erf(x / sqrt 2)): the Gaussian error linear
/// unit of Hendrycks and Gimpel (2016), and PyTorch's default. GPT-2 uses gelu_tanh.
inline Tensor gelu(const Tensor& x) { return elementwise("gelu", x); }
/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): their approximation of gelu,
/// F.gelu(x, approximate="tanh") in PyTorch.
inline Tensor gelu_tanh(const Tensor& x) { return elementwise("gelu_tanh", x); }

/// x to a power, by the rules of C's pow: a negative x has one only if the exponent is whole, NaN
/// otherwise. 0^0 is 1. The gradient is 0 where the exponent is 0, and so is the exponent's where x
/// is 0 and it is not negative, as in PyTorch. \throws Error if the shapes do not broadcast or the
/// dtypes differ.
Tensor pow(const Tensor& x, double exponent);
/// The same with an exponent for each element; the two broadcast, and both have a gradient.
Tensor pow(const Tensor& x, const Tensor& exponent);

/// `value` where the mask (bool, broadcasts to x's shape) is true, x elsewhere. What is overwritten
/// gets no gradient. \throws Error if the mask is not bool or does not broadcast to x's shape.
Tensor masked_fill(const Tensor& x, const Array& mask, double value);

/// Each element zeroed with probability p, the others divided by 1 - p so that the expectation
/// stays (Srivastava et al., "Dropout", 2014). The generator moves on by one uniform() per element;
/// with p = 0 the result is x. \throws Error unless 0 <= p <= 1.
Tensor dropout(const Tensor& x, double p, Generator& generator);

}  // namespace gradus
