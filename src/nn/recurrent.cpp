#include "gradus/nn/recurrent.h"

#include <cmath>

#include "out_of_memory.h"

namespace gradus::nn {
namespace {

Tensor uniform(const Shape& shape, double bound, Generator& generator) {
  Tensor result = parameter(Array(shape, DType::float32));
  init_uniform(result, bound, generator);
  return result;
}

// `state` if there is one, zeros if not; (rows of from_x, hidden).
Tensor state_or_zeros(const char* op, const Tensor& state, const Tensor& from_x, int64_t hidden) {
  const Shape shape = {from_x.size(0), hidden};
  if (state.is_empty_handle()) return Tensor(Array::zeros(shape, from_x.dtype()));
  check(state.shape() == shape, "{}: a state of shape {}, it must be {}", op, state.shape(), shape);
  return state;
}

// W_ih x + b_ih: for a cell's x, (B, in), or for a whole sequence at once, (B, T, in).
Tensor map_input(const char* op, const Tensor& x, int rank, const RecurrentWeights& w) {
  check(x.rank() == rank && x.size(-1) == w.weight_ih.size(1),
        "{}: an input of shape {}, it must have rank {} and {} features", op, x.shape(), rank,
        w.weight_ih.size(1));
  check(rank == 2 || x.size(1) > 0, "{}: a sequence without elements, {}", op, x.shape());
  return linear(x, w.weight_ih, w.bias_ih);
}

// Walks along from_x, (B, T, G hidden): step(from_x at t) gives output t, (B, hidden), and all of
// them become (B, T, hidden).
template <class Step>
Tensor along(const Tensor& from_x, Step step) try {
  std::vector<Tensor> outputs;
  for (int64_t t = 0; t < from_x.size(1); ++t) outputs.push_back(step(select(from_x, 1, t)));
  return stack(outputs, 1);
} catch (const std::bad_alloc&) {
  fail_out_of_memory("recurrent");
}

}  // namespace

RecurrentWeights::RecurrentWeights(int64_t in_features, int64_t hidden, int64_t gates,
                                   Generator& generator, Bias bias) {
  check(in_features > 0 && hidden > 0, "recurrent: {} features into {}", in_features, hidden);
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  weight_ih = uniform({gates * hidden, in_features}, bound, generator);
  weight_hh = uniform({gates * hidden, hidden}, bound, generator);
  if (bias == Bias::none) return;
  bias_ih = uniform({gates * hidden}, bound, generator);
  bias_hh = uniform({gates * hidden}, bound, generator);
}

void RecurrentWeights::visit(Visitor& visitor, const std::string& suffix) {
  visitor("weight_ih" + suffix, weight_ih);
  visitor("weight_hh" + suffix, weight_hh);
  visitor("bias_ih" + suffix, bias_ih);
  visitor("bias_hh" + suffix, bias_hh);
}

// ---- one step ----

RNNCell::RNNCell(int64_t in_features, int64_t hidden, Generator& generator, Bias bias)
    : RecurrentWeights(in_features, hidden, 1, generator, bias) {}

Tensor RNNCell::operator()(const Tensor& x, const Tensor& h) const {
  return step(map_input("rnn", x, 2, *this), h);
}

Tensor RNNCell::step(const Tensor& from_x, const Tensor& h) const {
  return tanh(from_x + linear(state_or_zeros("rnn", h, from_x, hidden()), weight_hh, bias_hh));
}

LSTMCell::LSTMCell(int64_t in_features, int64_t hidden, Generator& generator, Bias bias)
    : RecurrentWeights(in_features, hidden, 4, generator, bias) {}

LSTMState LSTMCell::operator()(const Tensor& x, const LSTMState& state) const {
  return step(map_input("lstm", x, 2, *this), state);
}

LSTMState LSTMCell::step(const Tensor& from_x, const LSTMState& state) const {
  const Tensor h = state_or_zeros("lstm", state.h, from_x, hidden());
  const Tensor c = state_or_zeros("lstm", state.c, from_x, hidden());
  const Tensor z = from_x + linear(h, weight_hh, bias_hh);  // (B, 4 hidden)
  const std::vector<Tensor> gate = split(z, hidden(), 1);
  const Tensor i = sigmoid(gate[0]), f = sigmoid(gate[1]), g = tanh(gate[2]), o = sigmoid(gate[3]);
  const Tensor memory = f * c + i * g;
  return {o * tanh(memory), memory};
}

// ---- along a sequence: what the inputs contribute is one product for all steps ----

RNN::Result RNN::operator()(const Tensor& x, const Tensor& h) const {
  Result result{{}, h};
  result.output = along(map_input("rnn", x, 3, cell), [&](const Tensor& from_x) {
    return result.h = cell.step(from_x, result.h);
  });
  return result;
}

LSTM::Result LSTM::operator()(const Tensor& x, const LSTMState& state) const {
  Result result{{}, state};
  result.output = along(map_input("lstm", x, 3, cell), [&](const Tensor& from_x) {
    result.state = cell.step(from_x, result.state);
    return result.state.h;
  });
  return result;
}

}  // namespace gradus::nn
