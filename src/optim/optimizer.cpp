#include "gradus/optim/optimizer.h"

#include <cmath>

#include "gradus/arithmetic.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus::optim {

AdamW::AdamW(std::vector<nn::NamedParameter> parameters, const AdamWOptions& options)
    : options_(options) {
  for (auto& [name, parameter] : parameters) {
    const Array zeros = Array::zeros(parameter.shape(), parameter.dtype());
    moments_.push_back({std::move(name), parameter, zeros, zeros.clone()});
  }
}

void AdamW::step(double learning_rate) {
  const NoGrad guard;
  ++steps_;
  const auto t = static_cast<double>(steps_);
  for (Moments& one : moments_) {
    if (!one.parameter.has_grad()) continue;
    const Array gradient = one.parameter.grad().contiguous();
    Array& value = one.parameter.mutable_value();
    Array dense = value.contiguous();  // value itself, unless its leaf was made of a strided view
    const kernels::AdamWStep step{.learning_rate = learning_rate,
                                  .beta1 = options_.beta1,
                                  .beta2 = options_.beta2,
                                  .epsilon = options_.epsilon,
                                  .weight_decay = value.rank() >= 2 ? options_.weight_decay : 0,
                                  .correction1 = 1 - std::pow(options_.beta1, t),
                                  .correction2 = 1 - std::pow(options_.beta2, t)};
    dispatch_float("adamw", value.dtype(), [&]<class T> {
      T *p = dense.mutable_data<T>(), *m = one.m.mutable_data<T>(), *v = one.v.mutable_data<T>();
      const T* g = gradient.data<T>();
      kernels::parallel_for(value.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
        kernels::optim<T>().adamw(p + begin, m + begin, v + begin, g + begin, end - begin, step);
      });
    });
    if (!dense.shares_storage_with(value)) value.copy_from(dense);
  }
}

std::vector<NamedArray> AdamW::state() const {
  std::vector<NamedArray> result;
  for (const Moments& one : moments_) {
    result.push_back({"m." + one.name, one.m});
    result.push_back({"v." + one.name, one.v});
  }
  return result;
}

void AdamW::load_state(const std::vector<NamedArray>& state, int64_t steps) {
  check(steps >= 0, "adamw: cannot continue from step {}", steps);
  const auto find = [&](const std::string& name, const Array& current) {
    for (const auto& [key, value] : state)
      if (key == name) {
        check(value.shape() == current.shape() && value.dtype() == current.dtype(),
              "adamw: {} is {} {}, expected {} {}", name, gradus::name(value.dtype()),
              value.shape(), gradus::name(current.dtype()), current.shape());
        return value;
      }
    fail("adamw: the state has no {}", name);
  };
  std::vector<std::pair<Array, Array>> loaded;
  for (const Moments& one : moments_)
    loaded.emplace_back(find("m." + one.name, one.m), find("v." + one.name, one.v));
  for (size_t i = 0; i < moments_.size(); ++i) {
    moments_[i].m.copy_from(loaded[i].first);
    moments_[i].v.copy_from(loaded[i].second);
  }
  steps_ = steps;
}

void SGD::step(double learning_rate) {
  const NoGrad guard;
  for (auto& [name, parameter] : parameters_)
    if (parameter.has_grad())
      add_in_place(parameter.mutable_value(), parameter.grad() * -learning_rate);
}

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
