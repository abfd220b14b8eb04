/// \file
/// Optimisers: how a parameter follows its gradient.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
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
  /// clip_grad_norm on this optimiser's parameters and a step, with one pass over the memory less:
  /// the gradients are scaled as they are read, and stay as they are. Returns their norm. \throws
  /// Error as clip_grad_norm and step; then nothing has been changed.
  double clipped_step(double learning_rate, double max_norm);

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

  /// Adjacent elements of one parameter, of its moments and of its gradient.
  template <class T>
  struct Stretch {
    T* value;           ///< to be moved
    T* first_moment;    ///< null if there is none
    T* last_moment;     ///< the same if there is one
    const T* gradient;  ///< to be scaled as Step says
    int64_t n;          ///< how many elements
    bool is_matrix;     ///< the parameter has two axes or more
  };
  /// One in either dtype.
  using AnyStretch = std::variant<Stretch<float>, Stretch<double>>;
  /// What is the same for all parameters in one step.
  struct Step {
    double learning_rate;   ///< of this step
    double gradient_scale;  ///< a factor of every gradient
  };

  /// Moves a stretch; called by several threads at once, each with another one.
  virtual void update(const AnyStretch& stretch, const Step& step) const = 0;

 private:
  struct Slot {
    std::string name;
    Tensor parameter;
    std::vector<Array> moments;
  };
  void check_step(double learning_rate) const;
  void move(const Step& step);
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
  void update(const AnyStretch&, const Step&) const override;
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
  void update(const AnyStretch&, const Step&) const override;
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
  void update(const AnyStretch&, const Step&) const override;
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
  void update(const AnyStretch&, const Step&) const override;
  AdamWOptions options_;
};

/// Scales all gradients by min(1, max_norm / (norm + 1e-6)), where norm is the Euclidean norm of
/// all of them taken together (PyTorch's clip_grad_norm_; Pascanu, Mikolov and Bengio, "On the
/// difficulty of training recurrent neural networks", 2013). Returns the norm before. \throws Error
/// if it is not finite, for a step would destroy the parameters; or unless max_norm > 0.
double clip_grad_norm(const std::vector<nn::NamedParameter>& parameters, double max_norm);

}  // namespace gradus::optim
