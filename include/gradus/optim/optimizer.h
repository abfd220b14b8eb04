/// \file
/// Optimisers: how a parameter follows its gradient.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gradus/nn/module.h"

namespace gradus::optim {

/// Options of AdamW; the defaults are nanoGPT's.
struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  /// Per unit of learning rate, on matrices (two axes or more) only: gains and biases are not drawn
  /// to zero.
  double weight_decay = 0.1;
};

/// Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay
/// Regularization", 2019, algorithm 2), in the order of torch.optim.AdamW:
///
///     p <- p - lr weight_decay p
///     m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
///     p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
class AdamW {
 public:
  explicit AdamW(std::vector<nn::NamedParameter> parameters, const AdamWOptions& options = {});

  /// One step in place; a parameter without a gradient is left alone.
  void step(double learning_rate);

  /// Steps made so far, which the bias correction needs.
  int64_t steps() const { return steps_; }

  /// The running moments, m.NAME and v.NAME for each parameter.
  std::vector<NamedArray> state() const;
  /// Continues from a saved state after `steps` steps. \throws Error if a moment is missing or of
  /// another shape.
  void load_state(const std::vector<NamedArray>& state, int64_t steps);

 private:
  struct Moments {
    std::string name;
    Tensor parameter;
    Array m, v;
  };
  std::vector<Moments> moments_;
  AdamWOptions options_;
  int64_t steps_ = 0;
};

/// Plain gradient descent: p <- p - lr g, in place.
class SGD {
 public:
  explicit SGD(std::vector<nn::NamedParameter> parameters) : parameters_(std::move(parameters)) {}
  /// One step; a parameter without a gradient is left alone.
  void step(double learning_rate);

 private:
  std::vector<nn::NamedParameter> parameters_;
};

/// Scales all gradients by min(1, max_norm / (norm + 1e-6)), where norm is the Euclidean norm of
/// all of them taken together (PyTorch's clip_grad_norm_). Returns the norm before. \throws Error
/// if it is not finite: a step would destroy the parameters.
double clip_grad_norm(const std::vector<nn::NamedParameter>& parameters, double max_norm);

}  // namespace gradus::optim
