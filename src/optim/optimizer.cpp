#include "gradus/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

// ---- a step ------------------------------------------------------------------------------------

namespace {

// Arrays of given sizes, laid end to end in thought, so that work on all of them is divided evenly
// and in one parallel region:
//
//     sizes 3, 1, 4      a a a b c c c c
//     range 2 .. 6           a b c c       is a 2..3, b 0..1, c 0..2
class EndToEnd {
 public:
  void push_back(int64_t size) { ends_.push_back(total() + size); }
  int64_t total() const { return ends_.empty() ? 0 : ends_.back(); }
  // Calls f(array, begin, end) for each array's part of a range.
  template <class F>
  void each_part(int64_t begin, int64_t end, F f) const {
    auto array = static_cast<size_t>(std::ranges::upper_bound(ends_, begin) - ends_.begin());
    for (; begin < end; ++array) {
      const int64_t start = array == 0 ? 0 : ends_[array - 1], stop = std::min(end, ends_[array]);
      f(array, begin - start, stop - start);
      begin = stop;
    }
  }

 private:
  std::vector<int64_t> ends_;
};

int64_t elements_of_a_chunk() { return kernels::grain_for(1 << 15); }

// The Euclidean norm of all gradients taken together. \throws Error if it is not finite.
double norm_of(const std::vector<Array>& gradients) {
  EndToEnd all;
  for (const Array& gradient : gradients) all.push_back(gradient.numel());
  const int64_t grain = elements_of_a_chunk();
  std::vector<double> squares(static_cast<size_t>(kernels::chunk_count(all.total(), grain)));
  kernels::parallel_for(all.total(), grain, [&](int64_t first, int64_t last) {
    double& sum = squares[static_cast<size_t>(first / grain)];
    all.each_part(first, last, [&](size_t i, int64_t begin, int64_t end) {
      dispatch_float("clip_grad_norm", gradients[i].dtype(), [&]<class T> {
        sum += kernels::rows<T>().sum_squares(gradients[i].data<T>() + begin, end - begin);
      });
    });
  });
  const double norm = std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
  check(std::isfinite(norm), "clip_grad_norm: the gradient's norm is {}", norm);
  return norm;
}

double clip_factor(double norm, double max_norm) { return std::min(1.0, max_norm / (norm + 1e-6)); }

void check_max_norm(double max_norm) {
  check(max_norm > 0, "clip_grad_norm: the largest norm must be positive, got {}", max_norm);
}

}  // namespace

void Optimizer::check_step(double learning_rate) const {
  check(std::isfinite(learning_rate) && learning_rate >= 0,
        "{}: the learning rate must be a number of at least 0, got {}", name_, learning_rate);
  check(std::ranges::any_of(slots_, [](const Slot& slot) { return slot.parameter.has_grad(); }),
        "{}: none of its {} parameters has a gradient: backward has not run, or the model's "
        "parameters are others now (after a conversion, say)",
        name_, slots_.size());
  for (const auto& [name, parameter, moments] : slots_) {
    if (!parameter.has_grad()) continue;
    check(parameter.grad().shape() == parameter.shape(), "{}: {} is {}, but its gradient {}", name_,
          name, parameter.shape(), parameter.grad().shape());
  }
}

void Optimizer::step(double learning_rate) {
  check_step(learning_rate);
  move({.learning_rate = learning_rate, .gradient_scale = 1});
}

double Optimizer::clipped_step(double learning_rate, double max_norm) {
  check_step(learning_rate);
  check_max_norm(max_norm);
  std::vector<Array> gradients;
  for (const Slot& slot : slots_)
    if (slot.parameter.has_grad()) gradients.push_back(slot.parameter.grad().contiguous());
  const double norm = norm_of(gradients);
  move({.learning_rate = learning_rate, .gradient_scale = clip_factor(norm, max_norm)});
  return norm;
}

// All parameters in one parallel region.
void Optimizer::move(const Step& step) {
  const NoGrad guard;
  ++steps_;
  struct Copy {
    Array of, dense;
  };
  std::vector<Copy> copies;
  std::vector<Array> gradients;
  std::vector<AnyStretch> whole;
  EndToEnd all;
  for (Slot& slot : slots_) {
    if (!slot.parameter.has_grad()) continue;
    Array value = slot.parameter.mutable_value(), dense = value.contiguous();
    // The value itself, unless its leaf was made of a strided view.
    if (!dense.shares_storage_with(value)) copies.push_back({value, dense});
    gradients.push_back(slot.parameter.grad().contiguous());
    all.push_back(dense.numel());
    dispatch_float(name_, dense.dtype(), [&]<class T> {
      const bool plain = slot.moments.empty();
      whole.push_back(
          Stretch<T>{.value = dense.mutable_data<T>(),
                     .first_moment = plain ? nullptr : slot.moments.front().mutable_data<T>(),
                     .last_moment = plain ? nullptr : slot.moments.back().mutable_data<T>(),
                     .gradient = gradients.back().data<T>(),
                     .n = dense.numel(),
                     .is_matrix = dense.rank() >= 2});
    });
  }
  kernels::parallel_for(all.total(), elements_of_a_chunk(), [&](int64_t first, int64_t last) {
    all.each_part(first, last, [&](size_t i, int64_t begin, int64_t end) {
      AnyStretch part = whole[i];
      std::visit(
          [&](auto& s) {
            s.value += begin;
            s.gradient += begin;
            if (s.first_moment != nullptr) s.first_moment += begin;
            if (s.last_moment != nullptr) s.last_moment += begin;
            s.n = end - begin;
          },
          part);
      update(part, step);
    });
  });
  for (Copy& copy : copies) copy.of.copy_from(copy.dense);
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

// The moments of a rule, and b, the velocity, if there is momentum.
std::vector<std::string> with_velocity(double momentum, std::vector<std::string> moments) {
  if (momentum != 0) moments.push_back("b");
  return moments;
}

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

void SGD::update(const AnyStretch& stretch, const Step& step) const {
  const kernels::SGDStep rule{.learning_rate = step.learning_rate,
                              .momentum = options_.momentum,
                              .l2 = options_.weight_decay,
                              .nesterov = options_.nesterov,
                              .gradient_scale = step.gradient_scale};
  std::visit(
      [&]<class T>(const Stretch<T>& s) {
        kernels::optim<T>().sgd(s.value, s.first_moment, s.gradient, s.n, rule);
      },
      stretch);
}

RMSProp::RMSProp(std::vector<nn::NamedParameter> parameters, const RMSPropOptions& options)
    : Optimizer("rmsprop", std::move(parameters), with_velocity(options.momentum, {"v"})),
      options_(options) {
  check_decay("rmsprop", "alpha", options.alpha);
  check_not_negative("rmsprop", "epsilon", options.epsilon);
  check_not_negative("rmsprop", "momentum", options.momentum);
  check_not_negative("rmsprop", "weight_decay", options.weight_decay);
}

void RMSProp::update(const AnyStretch& stretch, const Step& step) const {
  const kernels::RMSPropStep rule{.learning_rate = step.learning_rate,
                                  .alpha = options_.alpha,
                                  .epsilon = options_.epsilon,
                                  .momentum = options_.momentum,
                                  .l2 = options_.weight_decay,
                                  .gradient_scale = step.gradient_scale};
  std::visit(
      [&]<class T>(const Stretch<T>& s) {
        T* velocity = options_.momentum != 0 ? s.last_moment : nullptr;
        kernels::optim<T>().rmsprop(s.value, s.first_moment, velocity, s.gradient, s.n, rule);
      },
      stretch);
}

namespace {

// What Adam and AdamW share; l2 and weight_decay are not.
template <class Options>
kernels::AdamStep adam_rule(const Options& options, int64_t steps, double learning_rate,
                            double gradient_scale) {
  const auto t = static_cast<double>(steps);
  return {.learning_rate = learning_rate,
          .beta1 = options.beta1,
          .beta2 = options.beta2,
          .epsilon = options.epsilon,
          .weight_decay = 0,
          .l2 = 0,
          .correction1 = 1 - std::pow(options.beta1, t),
          .correction2 = 1 - std::pow(options.beta2, t),
          .gradient_scale = gradient_scale};
}

}  // namespace

Adam::Adam(std::vector<nn::NamedParameter> parameters, const AdamOptions& options)
    : Optimizer("adam", std::move(parameters), {"m", "v"}), options_(options) {
  check_adam("adam", options);
}

// The decay goes into the gradient.
void Adam::update(const AnyStretch& stretch, const Step& step) const {
  kernels::AdamStep rule = adam_rule(options_, steps(), step.learning_rate, step.gradient_scale);
  rule.l2 = options_.weight_decay;
  std::visit(
      [&]<class T>(const Stretch<T>& s) {
        kernels::optim<T>().adam(s.value, s.first_moment, s.last_moment, s.gradient, s.n, rule);
      },
      stretch);
}

AdamW::AdamW(std::vector<nn::NamedParameter> parameters, const AdamWOptions& options)
    : Optimizer("adamw", std::move(parameters), {"m", "v"}), options_(options) {
  check_adam("adamw", options);
}

// The decay is taken straight off the parameter.
void AdamW::update(const AnyStretch& stretch, const Step& step) const {
  kernels::AdamStep rule = adam_rule(options_, steps(), step.learning_rate, step.gradient_scale);
  std::visit(
      [&]<class T>(const Stretch<T>& s) {
        rule.weight_decay = s.is_matrix ? options_.weight_decay : 0;
        kernels::optim<T>().adam(s.value, s.first_moment, s.last_moment, s.gradient, s.n, rule);
      },
      stretch);
}

// ---- clipping ----------------------------------------------------------------------------------

double clip_grad_norm(const std::vector<nn::NamedParameter>& parameters, double max_norm) {
  check_max_norm(max_norm);
  std::vector<Array> gradients;
  for (const auto& [name, parameter] : parameters)
    if (parameter.has_grad()) gradients.push_back(parameter.grad().contiguous());
  const double norm = norm_of(gradients), factor = clip_factor(norm, max_norm);
  gradients.clear();  // nobody but the parameters holds them now
  if (factor < 1)
    for (const auto& [name, parameter] : parameters)
      if (parameter.has_grad()) scale_in_place(parameter.node()->grad, factor);
  return norm;
}

}  // namespace gradus::optim
