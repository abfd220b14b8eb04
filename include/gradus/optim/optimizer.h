/// \file
/// Optimisers: how a parameter follows its gradient.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gradus/nn/module.h"

namespace gradus::optim {

/// What all optimisers share: the parameters, the running moments that each of them has, the count
/// of steps, and how these are saved. The update rules are PyTorch's, to the order of their
/// operations.
class Optimizer {
 public:
  /// Optimisers are derived from.
  virtual ~Optimizer() = default;
  /// The moments go over to the new one.
  Optimizer(Optimizer&&) = default;
  /// The same.
  Optimizer& operator=(Optimizer&&) = default;

  /// One step in place; a parameter without a gradient is left alone. \throws Error if none has
  /// one, or for a learning rate that is negative or not finite; then nothing has been changed.
  void step(double learning_rate);

  /// Steps made so far.
  int64_t steps() const { return steps_; }

  /// The running moments, for Adam m.NAME and v.NAME for each parameter.
  std::vector<NamedArray> state() const;
  /// Continues from a saved state after `steps` steps. \throws Error if a moment is missing or of
  /// another shape or dtype; then nothing has been changed.
  void load_state(const std::vector<NamedArray>& state, int64_t steps);

 protected:
  /// `name` for errors; `moments` are the names of the arrays kept for each parameter, zero at
  /// first. \throws Error if there are no parameters, or one is none or stands there twice.
  Optimizer(const char* name, std::vector<nn::NamedParameter> parameters,
            std::vector<std::string> moments);

  /// Moves one parameter. All arrays are contiguous and of one shape and dtype.
  virtual void update(Array& value, std::vector<Array>& moments, const Array& gradient,
                      double learning_rate) = 0;

 private:
  struct Slot {
    std::string name;
    Tensor parameter;
    std::vector<Array> moments;
  };
  const char* name_;
  std::vector<std::string> moment_names_;
  std::vector<Slot> slots_;
  int64_t steps_ = 0;
};

/// Options of SGD.
struct SGDOptions {
  double momentum = 0;      ///< how much of the last step's direction is kept
  bool nesterov = false;    ///< looks ahead along the velocity; needs a momentum
  double weight_decay = 0;  ///< adds weight_decay p to the gradient, for all parameters
};

/// Gradient descent, with momentum if wanted (Polyak 1964; Nesterov's form as in Sutskever,
/// Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning",
/// 2013), as torch.optim.SGD:
///
///     b <- momentum b + g,   p <- p - lr b      (nesterov: p <- p - lr (g + momentum b))
class SGD : public Optimizer {
 public:
  /// \throws Error if an option is negative, or nesterov lacks a momentum.
  explicit SGD(std::vector<nn::NamedParameter> parameters, const SGDOptions& options = {});

 private:
  void update(Array&, std::vector<Array>&, const Array&, double) override;
  SGDOptions options_;
};

/// Options of RMSProp; the defaults are PyTorch's.
struct RMSPropOptions {
  double alpha = 0.99;      ///< the decay of the running mean of g^2
  double epsilon = 1e-8;    ///< keeps the divisor from 0
  double momentum = 0;      ///< how much of the last step's direction is kept
  double weight_decay = 0;  ///< adds weight_decay p to the gradient, for all parameters
};

/// The gradient over its running root mean square (Tieleman and Hinton, lecture 6.5 of "Neural
/// Networks for Machine Learning", 2012), as torch.optim.RMSprop:
///
///     v <- alpha v + (1 - alpha) g^2
///     b <- momentum b + g / (sqrt(v) + epsilon),   p <- p - lr b
class RMSProp : public Optimizer {
 public:
  /// \throws Error if an option is negative, or alpha is not below 1.
  explicit RMSProp(std::vector<nn::NamedParameter> parameters, const RMSPropOptions& options = {});

 private:
  void update(Array&, std::vector<Array>&, const Array&, double) override;
  RMSPropOptions options_;
};

/// Options of Adam; the defaults are PyTorch's.
struct AdamOptions {
  double beta1 = 0.9;       ///< the decay of the running mean of g
  double beta2 = 0.999;     ///< the decay of the running mean of g^2
  double epsilon = 1e-8;    ///< keeps the divisor from 0
  double weight_decay = 0;  ///< adds weight_decay p to the gradient, for all parameters
};

/// Adam (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1), as
/// torch.optim.Adam:
///
///     m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
///     p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
class Adam : public Optimizer {
 public:
  /// \throws Error if an option is negative, or a beta is not below 1.
  explicit Adam(std::vector<nn::NamedParameter> parameters, const AdamOptions& options = {});

 private:
  void update(Array&, std::vector<Array>&, const Array&, double) override;
  AdamOptions options_;
};

/// Options of AdamW; the defaults are nanoGPT's.
struct AdamWOptions {
  double beta1 = 0.9;     ///< the decay of the running mean of g
  double beta2 = 0.99;    ///< the decay of the running mean of g^2; PyTorch's is 0.999
  double epsilon = 1e-8;  ///< keeps the divisor from 0
  /// Per unit of learning rate, on matrices (two axes or more) only: gains and biases are not drawn
  /// to zero.
  double weight_decay = 0.1;
};

/// Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay
/// Regularization", 2019, algorithm 2), as torch.optim.AdamW: first p <- p - lr weight_decay p,
/// then Adam's step.
class AdamW : public Optimizer {
 public:
  /// \throws Error if an option is negative, or a beta is not below 1.
  explicit AdamW(std::vector<nn::NamedParameter> parameters, const AdamWOptions& options = {});

 private:
  void update(Array&, std::vector<Array>&, const Array&, double) override;
  AdamWOptions options_;
};

/// Scales all gradients by min(1, max_norm / (norm + 1e-6)), where norm is the Euclidean norm of
/// all of them taken together (PyTorch's clip_grad_norm_; Pascanu, Mikolov and Bengio, "On the
/// difficulty of training recurrent neural networks", 2013). Returns the norm before. \throws Error
/// if it is not finite, for a step would destroy the parameters; or unless max_norm > 0.
double clip_grad_norm(const std::vector<nn::NamedParameter>& parameters, double max_norm);

}  // namespace gradus::optim
