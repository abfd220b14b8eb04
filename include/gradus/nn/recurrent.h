/// \file
/// Recurrent networks: one step (a cell), and a walk along a sequence. The names, the layouts and
/// the order of the gates are PyTorch's, so that its weights can be loaded.
#pragma once

#include "gradus/nn/layers.h"

namespace gradus::nn {

/// What every cell learns: G gates, each a map of the input and of the last output,
///
///     z = W_ih x + b_ih + W_hh h + b_hh.
///
/// weight_ih (G hidden, in), weight_hh (G hidden, hidden), bias_ih and bias_hh (G hidden); all
/// start uniform in +-1 / sqrt(hidden), PyTorch's default.
class RecurrentWeights : public Module {
 public:
  /// New weights of `gates` gates, drawn from the generator. \throws Error unless the sizes are
  /// positive.
  RecurrentWeights(int64_t in_features, int64_t hidden, int64_t gates, Generator& generator,
                   Bias bias);
  void visit(Visitor& visitor) override { visit(visitor, ""); }
  /// The same under names with a suffix, "weight_ih_l0".
  void visit(Visitor& visitor, const std::string& suffix);
  /// The size of the output.
  int64_t hidden() const { return weight_hh.size(1); }
  Tensor weight_ih,  ///< (G hidden, in)
      weight_hh,     ///< (G hidden, hidden)
      bias_ih,       ///< (G hidden), or an empty handle
      bias_hh;       ///< (G hidden), or an empty handle
};

/// h' = tanh(W_ih x + b_ih + W_hh h + b_hh): x (B, in), h (B, hidden) -> (B, hidden) (Elman,
/// "Finding Structure in Time", 1990).
class RNNCell : public RecurrentWeights {
 public:
  /// New weights, drawn from the generator.
  RNNCell(int64_t in_features, int64_t hidden, Generator& generator, Bias bias = Bias::learned);
  /// x (B, in), h (B, hidden) -> h'. Without an h it is zero. \throws Error if the sizes do not
  /// fit.
  Tensor operator()(const Tensor& x, const Tensor& h = {}) const;
  /// The step after W_ih x + b_ih, (B, hidden), is known.
  Tensor step(const Tensor& from_x, const Tensor& h) const;
};

/// What an LSTM hands on: its output h and its memory c, both (B, hidden). Empty handles are zeros.
struct LSTMState {
  Tensor h,  ///< the output
      c;     ///< the memory
};

/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers,
/// Schmidhuber and Cummins 2000). The rows of the weights belong to i, f, g and o, in this order:
///
///     c' = sigmoid(f) c + sigmoid(i) tanh(g),  h' = sigmoid(o) tanh(c').
///
/// x (B, in), h and c (B, hidden) -> h' and c'.
class LSTMCell : public RecurrentWeights {
 public:
  /// New weights, drawn from the generator.
  LSTMCell(int64_t in_features, int64_t hidden, Generator& generator, Bias bias = Bias::learned);
  /// x (B, in) -> h' and c'. \throws Error if the sizes do not fit.
  LSTMState operator()(const Tensor& x, const LSTMState& state = {}) const;
  /// The step after W_ih x + b_ih, (B, 4 hidden), is known.
  LSTMState step(const Tensor& from_x, const LSTMState& state) const;
};

/// One layer of RNNCell along a sequence of at least one element: x (B, T, in) -> every output
/// (B, T, hidden), and the last one (B, hidden). It is torch.nn.RNN(batch_first=True), whose last
/// output has a leading axis of size 1 for the layer; its parameters are named weight_ih_l0 and so
/// on.
class RNN : public Module {
 public:
  /// What a sequence gives.
  struct Result {
    Tensor output,  ///< (B, T, hidden), every output
        h;          ///< (B, hidden), the last one
  };
  /// New weights, drawn from the generator.
  RNN(int64_t in_features, int64_t hidden, Generator& generator, Bias bias = Bias::learned)
      : cell(in_features, hidden, generator, bias) {}
  /// x (B, T, in), and the output (B, hidden) before its first element; zero without one. \throws
  /// Error if the sizes do not fit, or T is 0.
  Result operator()(const Tensor& x, const Tensor& h = {}) const;
  void visit(Visitor& visitor) override { cell.visit(visitor, "_l0"); }
  RNNCell cell;  ///< its weights serve every step
};

/// One layer of LSTMCell along a sequence: x (B, T, in) -> every output (B, T, hidden), and the
/// last state. It is torch.nn.LSTM(batch_first=True).
class LSTM : public Module {
 public:
  /// What a sequence gives.
  struct Result {
    Tensor output;    ///< (B, T, hidden), every output
    LSTMState state;  ///< after the last element
  };
  /// New weights, drawn from the generator.
  LSTM(int64_t in_features, int64_t hidden, Generator& generator, Bias bias = Bias::learned)
      : cell(in_features, hidden, generator, bias) {}
  /// x (B, T, in), and the state before its first element; zero without one. \throws Error if the
  /// sizes do not fit, or T is 0.
  Result operator()(const Tensor& x, const LSTMState& state = {}) const;
  void visit(Visitor& visitor) override { cell.visit(visitor, "_l0"); }
  LSTMCell cell;  ///< its weights serve every step
};

}  // namespace gradus::nn
