// The face of the kernel room: tables of functions on pointers, sizes and strides.
//
// Each family of kernels is one readable source in kernels/isa/, compiled once for every
// instruction set (ISA) into the namespaces portable, avx2 and avx512. Each compilation exports one
// table; the table that suits the CPU is picked once. Kernels are serial: parallel_for (parallel.h)
// gives each thread a range.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gradus::kernels {

// ---- the instruction sets -----------------------------------------------------------------------

enum class Isa { portable, avx2, avx512 };
std::string_view isa_name(Isa isa);
// Those that were compiled in and that this CPU can run; portable is always among them, the best is
// last.
const std::vector<Isa>& available_isas();
// The best available one, or what GRADUS_ISA=portable|avx2|avx512 asks for; gradus::Error if that
// is unknown or the CPU lacks it.
Isa active_isa();
// The rule behind it: the one of that name, or the last of `available` if the name is empty.
Isa choose_isa(std::string_view name, const std::vector<Isa>& available);

// Tests run every kernel on every ISA: for the lifetime of this object the tables of `isa` are
// used.
class ScopedIsa {
 public:
  explicit ScopedIsa(Isa isa);
  ~ScopedIsa();
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;

 private:
  Isa previous_;
};

// ---- elementwise --------------------------------------------------------------------------------

// A function of each element and its slope, known by a name.
template <class T>
struct Unary {
  const char* name;
  // y[i] = f(x[i]); y may be x.
  void (*value)(T* y, const T* x, int64_t n);
  // dx[i] = dy[i] * f'(x[i]); dx may be dy or x.
  void (*backward)(T* dx, const T* dy, const T* x, int64_t n);
};

// A function of two elements.
template <class T>
struct Binary {
  const char* name;
  // z[i] = f(x[i * x_stride], y[i * y_stride]); a stride is 1, or 0 for one value used throughout.
  // z may be x or y where that operand's stride is 1.
  void (*value)(T* z, const T* x, int64_t x_stride, const T* y, int64_t y_stride, int64_t n);
};

template <class Entry>
struct Entries {
  const Entry* first;
  int count;
  const Entry* begin() const { return first; }
  const Entry* end() const { return first + count; }
};

template <class T>
struct Elementwise {
  Entries<Unary<T>> unary;
  Entries<Binary<T>> binary;
  // y[i] += x[i]
  void (*accumulate)(T* y, const T* x, int64_t n);
  // y[i] = mask[i] ? value : x[i]; y may be x.
  void (*masked_fill)(T* y, const T* x, const bool* mask, T value, int64_t n);
};

// ---- rows: softmax, normalisation, loss, reductions ---------------------------------------------
// All matrices are row-major and dense, (rows, cols), unless a stride is given.

// The probabilities that cross-entropy wants to see: 1 - smoothing for the target, and smoothing
// shared evenly among all columns. Rows whose target is `ignored` do not count.
struct CrossEntropyRule {
  int64_t ignored = -100;
  double smoothing = 0;
};

template <class T>
struct Rows {
  // y = exp(x - max) / sum, row by row; a row that is all -inf gives zeros. y may be x.
  void (*softmax)(T* y, const T* x, int64_t rows, int64_t cols);
  // dx = y (dy - sum_j y_j dy_j); dx may be dy.
  void (*softmax_backward)(T* dx, const T* dy, const T* y, int64_t rows, int64_t cols);
  // y = x - log sum exp x. y may be x.
  void (*log_softmax)(T* y, const T* x, int64_t rows, int64_t cols);
  // dx = dy - exp(y) sum_j dy_j; dx may be dy.
  void (*log_softmax_backward)(T* dx, const T* dy, const T* y, int64_t rows, int64_t cols);

  // y = (x - mean) rstd * weight + bias, rstd = 1 / sqrt(var + eps), var with divisor cols,
  // two-pass. mean, rstd: (rows). weight, bias: (cols), bias may be null. If mean is null, 0 stands
  // in its place: then rstd = 1 / sqrt(mean of x^2 + eps), which is RMS normalisation.
  void (*layer_norm)(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, T eps,
                     int64_t rows, int64_t cols);
  // dx is written (may be dy); dweight and dbias, (cols), are accumulated into; each may be null.
  // mean is null if it was null before.
  void (*layer_norm_backward)(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* mean,
                              const T* rstd, const T* weight, int64_t rows, int64_t cols);

  // loss[i] = log_sum_exp[i] - sum_j q_ij x_ij; both (rows). q_ij is what row i should be: 1 for
  // the target and 0 elsewhere, smoothed by the rule. target is in [0, cols), checked by the
  // caller, or ignored: then the loss is 0.
  void (*cross_entropy)(T* loss, T* log_sum_exp, const T* x, const int64_t* target, int64_t rows,
                        int64_t cols, const CrossEntropyRule& rule);
  // dx[i, j] = dloss[i] (exp(x_ij - log_sum_exp_i) - q_ij), 0 in an ignored row. dx may be x.
  void (*cross_entropy_backward)(T* dx, const T* dloss, const T* x, const T* log_sum_exp,
                                 const int64_t* target, int64_t rows, int64_t cols,
                                 const CrossEntropyRule& rule);

  // Sum of n adjacent values, and of their squares, with many partial sums (error grows slowly with
  // n).
  T (*sum)(const T* x, int64_t n);
  double (*sum_squares)(const T* x, int64_t n);
  // y[j] += sum over the rows of x[i * x_stride + j], j < cols: a bias gradient.
  void (*add_rows)(T* y, const T* x, int64_t rows, int64_t cols, int64_t x_stride);
};

// ---- optimisers ---------------------------------------------------------------------------------

// What a step needs besides the arrays. First g *= gradient_scale; `l2` is a weight decay that goes
// through the gradient, g + l2 p.
struct AdamStep {
  double learning_rate, beta1, beta2, epsilon;
  double weight_decay;                  // decoupled: straight off the parameter
  double l2, correction1, correction2;  // the corrections are 1 - beta^t
  double gradient_scale = 1;
};
struct SGDStep {
  double learning_rate, momentum, l2;
  bool nesterov;
  double gradient_scale = 1;
};
struct RMSPropStep {
  double learning_rate, alpha, epsilon, momentum, l2;
  double gradient_scale = 1;
};

// Each in the order of its namesake in torch.optim, on n adjacent elements.
template <class T>
struct Optim {
  // p -= lr weight_decay p;  g += l2 p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
  // p -= lr (m / correction1) / (sqrt(v / correction2) + epsilon)
  void (*adam)(T* p, T* m, T* v, const T* g, int64_t n, const AdamStep& step);
  // g += l2 p;  b = momentum b + g;  p -= lr b, or lr (g + momentum b) if nesterov.
  // If b is null there is no momentum: p -= lr g.
  void (*sgd)(T* p, T* b, const T* g, int64_t n, const SGDStep& step);
  // g += l2 p;  v = alpha v + (1 - alpha) g^2;  b = momentum b + g / (sqrt(v) + epsilon);
  // p -= lr b. If b is null there is no momentum, as in sgd.
  void (*rmsprop)(T* p, T* v, T* b, const T* g, int64_t n, const RMSPropStep& step);
};

// ---- matrix multiplication ----------------------------------------------------------------------

// C(m, n) = A(m, k) B(k, n) (+ bias over each row) (+ C if accumulate).
// A(i, l) = a[i * a_row + l * a_col], and so on: the four transpose cases are just strides.
template <class T>
struct GemmArgs {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row, b_col;
  T* c;
  int64_t c_row;            // the columns of C are adjacent
  bool accumulate = false;  // add to C instead of overwriting it
  const T* bias = nullptr;  // (n), added to every row
};

// The choices that a product makes: from its whole shape, before it is divided among threads. Tests
// override them so that small shapes reach every path (ScopedGemmTuning); 0 means "choose".
struct GemmTuning {
  int64_t k_block = 0;         // depth of a packed block
  int64_t block_elements = 0;  // elements of packed B kept in the L2 cache; a B of more is no small
                               // one either, nor one that a cache holds
  int64_t parallel_flops = 0;  // products below this many FLOPs run on one thread
};
class ScopedGemmTuning {
 public:
  explicit ScopedGemmTuning(const GemmTuning& tuning);
  ~ScopedGemmTuning();
  ScopedGemmTuning(const ScopedGemmTuning&) = delete;
  ScopedGemmTuning& operator=(const ScopedGemmTuning&) = delete;

 private:
  GemmTuning previous_;
};

// The product, divided among num_threads() threads (serial inside a parallel_for). Bit-identical
// for any number of threads: each element of C is one sum over k in one fixed order.
template <class T>
void gemm(const GemmArgs<T>& args);
// The same, always on the calling thread.
template <class T>
void gemm_serial(const GemmArgs<T>& args);

// ---- the tables of the active ISA, for T = float or double --------------------------------------

template <class T>
const Elementwise<T>& elementwise();
// The function of that name; gradus::Error if there is none.
template <class T>
const Unary<T>& unary(const char* name);
template <class T>
const Binary<T>& binary(const char* name);
template <class T>
const Rows<T>& rows();
template <class T>
const Optim<T>& optim();

}  // namespace gradus::kernels
