#include "gradus/optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "gradus/arithmetic.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus::optim {

// ---- what all share ----------------------------------------------------------------------------

Optimizer::Optimizer(const char* name, std::vector<nn::NamedParameter> parameters,
                     std::vector<std::string> moments)
    : name_(name), moment_names_(std::move(moments)) {
  check(!parameters.empty(), "{}: there are no parameters to step", name);
  for (auto& [parameter_name, parameter] : parameters) {
    check(parameter.requires_grad() && parameter.node()->is_leaf(),
          "{}: {} is no parameter, so it will never have a gradient", name, parameter_name);
    for (const Slot& other : slots_)
      check(other.parameter.node() != parameter.node(), "{}: {} and {} are one parameter", name,
            other.name, parameter_name);
    Slot slot{std::move(parameter_name), parameter, {}};
    for (size_t i = 0; i < moment_names_.size(); ++i)
      slot.moments.push_back(Array::zeros(parameter.shape(), parameter.dtype()));
    slots_.push_back(std::move(slot));
  }
}

void Optimizer::step(double learning_rate) {
  const NoGrad guard;
  check(std::isfinite(learning_rate) && learning_rate >= 0,
        "{}: the learning rate must be a number of at least 0, got {}", name_, learning_rate);
  check(std::ranges::any_of(slots_, [](const Slot& slot) { return slot.parameter.has_grad(); }),
        "{}: none of its {} parameters has a gradient: backward has not run, or the model's "
        "parameters are others now (after a conversion, say)",
        name_, slots_.size());
  for (const auto& [name, parameter, moments] : slots_) {  // before anything moves
    if (!parameter.has_grad()) continue;
    check(parameter.grad().shape() == parameter.shape(), "{}: {} is {}, but its gradient {}", name_,
          name, parameter.shape(), parameter.grad().shape());
  }
  ++steps_;
  for (Slot& slot : slots_) {
    if (!slot.parameter.has_grad()) continue;
    Array& value = slot.parameter.mutable_value();
    Array dense = value.contiguous();  // value itself, unless its leaf was made of a strided view
    update(dense, slot.moments, slot.parameter.grad().contiguous(), learning_rate);
    if (!dense.shares_storage_with(value)) value.copy_from(dense);
  }
}

std::vector<NamedArray> Optimizer::state() const {
  std::vector<NamedArray> result;
  for (const Slot& slot : slots_)
    for (size_t i = 0; i < slot.moments.size(); ++i)
      result.push_back({moment_names_[i] + "." + slot.name, slot.moments[i]});
  return result;
}

void Optimizer::load_state(const std::vector<NamedArray>& state, int64_t steps) {
  check(steps >= 0, "{}: cannot continue from step {}", name_, steps);
  std::vector<Array> loaded;
  const std::vector<NamedArray> current = this->state();
  for (const auto& [key, value] : current) {
    const auto found = std::ranges::find(state, key, &NamedArray::name);
    check(found != state.end(), "{}: the state has no {}", name_, key);
    check(found->value.shape() == value.shape() && found->value.dtype() == value.dtype(),
          "{}: {} is {} {}, expected {} {}", name_, key, gradus::name(found->value.dtype()),
          found->value.shape(), gradus::name(value.dtype()), value.shape());
    loaded.push_back(found->value);
  }
  for (size_t i = 0; i < current.size(); ++i) {
    Array moment = current[i].value;  // a handle on the optimiser's own memory
    moment.copy_from(loaded[i]);
  }
  steps_ = steps;
}

// ---- the rules, each in kernels/isa/optim.cpp --------------------------------------------------

namespace {

// Calls f(kernels, p, first moment, last moment, g, n) on chunks of the parameter, in parallel.
template <class F>
void on_chunks(const char* name, Array& value, std::vector<Array>& moments, const Array& gradient,
               F f) {
  dispatch_float(name, value.dtype(), [&]<class T> {
    T* p = value.mutable_data<T>();
    T* first = moments.empty() ? nullptr : moments.front().mutable_data<T>();
    T* last = moments.empty() ? nullptr : moments.back().mutable_data<T>();
    const T* g = gradient.data<T>();
    kernels::parallel_for(
        value.numel(), kernels::grain_for(1 << 15), [&](int64_t begin, int64_t end) {
          const auto at = [begin](T* moment) {
            return moment == nullptr ? moment : moment + begin;
          };
          f(kernels::optim<T>(), p + begin, at(first), at(last), g + begin, end - begin);
        });
  });
}

// The moments of a rule, and b, the velocity, if there is momentum.
std::vector<std::string> with_velocity(double momentum, std::vector<std::string> moments) {
  if (momentum != 0) moments.push_back("b");
  return moments;
}

}  // namespace

namespace {

// Options that would divide by 0 or grow without bound. A decay (beta, alpha) keeps a running mean.
void check_decay(const char* op, const char* option, double value) {
  check(value >= 0 && value < 1, "{}: {} must lie in [0, 1), got {}", op, option, value);
}
void check_not_negative(const char* op, const char* option, double value) {
  check(value >= 0, "{}: {} must be at least 0, got {}", op, option, value);
}
template <class Options>
void check_adam(const char* op, const Options& options) {
  check_decay(op, "beta1", options.beta1);
  check_decay(op, "beta2", options.beta2);
  check_not_negative(op, "epsilon", options.epsilon);
  check_not_negative(op, "weight_decay", options.weight_decay);
}

}  // namespace

SGD::SGD(std::vector<nn::NamedParameter> parameters, const SGDOptions& options)
    : Optimizer("sgd", std::move(parameters), with_velocity(options.momentum, {})),
      options_(options) {
  check_not_negative("sgd", "momentum", options.momentum);
  check_not_negative("sgd", "weight_decay", options.weight_decay);
  check(!options.nesterov || options.momentum > 0, "sgd: nesterov needs a momentum");
}

void SGD::update(Array& value, std::vector<Array>& moments, const Array& gradient,
                 double learning_rate) {
  const kernels::SGDStep step{.learning_rate = learning_rate,
                              .momentum = options_.momentum,
                              .l2 = options_.weight_decay,
                              .nesterov = options_.nesterov};
  on_chunks("sgd", value, moments, gradient,
            [&](const auto& kernel, auto* p, auto* b, auto*, auto* g, int64_t n) {
              kernel.sgd(p, b, g, n, step);
            });
}

RMSProp::RMSProp(std::vector<nn::NamedParameter> parameters, const RMSPropOptions& options)
    : Optimizer("rmsprop", std::move(parameters), with_velocity(options.momentum, {"v"})),
      options_(options) {
  check_decay("rmsprop", "alpha", options.alpha);
  check_not_negative("rmsprop", "epsilon", options.epsilon);
  check_not_negative("rmsprop", "momentum", options.momentum);
  check_not_negative("rmsprop", "weight_decay", options.weight_decay);
}

void RMSProp::update(Array& value, std::vector<Array>& moments, const Array& gradient,
                     double learning_rate) {
  const kernels::RMSPropStep step{.learning_rate = learning_rate,
                                  .alpha = options_.alpha,
                                  .epsilon = options_.epsilon,
                                  .momentum = options_.momentum,
                                  .l2 = options_.weight_decay};
  on_chunks("rmsprop", value, moments, gradient,
            [&](const auto& kernel, auto* p, auto* v, auto* b, auto* g, int64_t n) {
              kernel.rmsprop(p, v, options_.momentum != 0 ? b : nullptr, g, n, step);
            });
}

namespace {

// Adam and AdamW differ in where the decay goes: into the gradient (l2), or straight off p.
template <class Options>
void adam_update(const char* name, Array& value, std::vector<Array>& moments, const Array& gradient,
                 double learning_rate, const Options& options, double l2, double weight_decay,
                 int64_t steps) {
  const auto t = static_cast<double>(steps);
  const kernels::AdamStep step{.learning_rate = learning_rate,
                               .beta1 = options.beta1,
                               .beta2 = options.beta2,
                               .epsilon = options.epsilon,
                               .weight_decay = weight_decay,
                               .l2 = l2,
                               .correction1 = 1 - std::pow(options.beta1, t),
                               .correction2 = 1 - std::pow(options.beta2, t)};
  on_chunks(name, value, moments, gradient,
            [&](const auto& kernel, auto* p, auto* m, auto* v, auto* g, int64_t n) {
              kernel.adam(p, m, v, g, n, step);
            });
}

}  // namespace

Adam::Adam(std::vector<nn::NamedParameter> parameters, const AdamOptions& options)
    : Optimizer("adam", std::move(parameters), {"m", "v"}), options_(options) {
  check_adam("adam", options);
}

void Adam::update(Array& value, std::vector<Array>& moments, const Array& gradient,
                  double learning_rate) {
  adam_update("adam", value, moments, gradient, learning_rate, options_, options_.weight_decay, 0,
              steps());
}

AdamW::AdamW(std::vector<nn::NamedParameter> parameters, const AdamWOptions& options)
    : Optimizer("adamw", std::move(parameters), {"m", "v"}), options_(options) {
  check_adam("adamw", options);
}

void AdamW::update(Array& value, std::vector<Array>& moments, const Array& gradient,
                   double learning_rate) {
  const double decay = value.rank() >= 2 ? options_.weight_decay : 0;
  adam_update("adamw", value, moments, gradient, learning_rate, options_, 0, decay, steps());
}

// ---- clipping ----------------------------------------------------------------------------------

double clip_grad_norm(const std::vector<nn::NamedParameter>& parameters, double max_norm) {
  check(max_norm > 0, "clip_grad_norm: the largest norm must be positive, got {}", max_norm);
  double squares = 0;
  for (const auto& [name, parameter] : parameters)
    if (parameter.has_grad()) squares += sum_squares(parameter.grad());
  const double norm = std::sqrt(squares);
  check(std::isfinite(norm), "clip_grad_norm: the gradient's norm is {}", norm);
  const double factor = max_norm / (norm + 1e-6);
  if (factor < 1)
    for (const auto& [name, parameter] : parameters)
      if (parameter.has_grad()) scale_in_place(parameter.node()->grad, factor);
  return norm;
}

}  // namespace gradus::optim
