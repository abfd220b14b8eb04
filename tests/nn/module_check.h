/// \file
/// Gradient checks of modules: of their input and of every parameter.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "gradus/arithmetic.h"
#include "gradus/gradcheck.h"
#include "gradus/nn/module.h"
#include "gradus/ops/shape.h"
#include "support.h"

namespace gradus::test {

/// The places of a module's tree that hold a parameter, in visiting order, tied ones as often as
/// they are used.
inline std::vector<Tensor*> parameter_places(nn::Module& module) {
  struct Collect : nn::Visitor {
    void on_parameter(const std::string&, Tensor& parameter) override {
      places.push_back(&parameter);
    }
    std::vector<Tensor*> places;
  } collect;
  module.visit(collect);
  return collect.places;
}

/// Moves every parameter to float64 and away from special values such as a gain of 1 or a bias
/// of 0.
inline void unsettle(nn::Module& module) {
  module.to(DType::float64);
  const NoGrad guard;
  Generator generator(77);
  for (auto& [name, parameter] : module.named_parameters())
    add_in_place(parameter.mutable_value(),
                 randn(parameter.shape(), generator, DType::float64) * 0.3);
}

/// A module as a function of x and of its parameters, for gradcheck.
struct ModuleFunction {
  std::vector<NamedArray> inputs;  ///< x, then every parameter under its name, tied ones once
  Function call;                   ///< puts the parameters where they belong, then calls f(x)
};

/// f(x) calls the module, which must outlive the function, and must give the same result in each
/// call.
///
/// Of an attention's in_proj_bias, the part that belongs to the keys stays as it is: it adds the
/// same number to all scores of a row, its true gradient is zero, and what backward and differences
/// find there is round-off, now and then none at all.
inline ModuleFunction module_function(nn::Module& module, const std::vector<NamedArray>& x,
                                      const Function& f) {
  ModuleFunction result{.inputs = x, .call = {}};
  struct Parameter {
    size_t input;    // its number among the inputs
    Array key_bias;  // an empty handle for all but in_proj_bias
  };
  std::map<const Node*, Parameter> by_node;
  for (const auto& [path, parameter] : module.named_parameters()) {
    Parameter& entry = by_node[parameter.node().get()];
    entry.input = result.inputs.size();
    Array value = parameter.value();
    if (path.ends_with("in_proj_bias")) {
      const int64_t width = value.numel() / 3;
      entry.key_bias = value.slice(0, width, 2 * width).clone();
      value =
          concat({Tensor(value.slice(0, 0, width)), Tensor(value.slice(0, 2 * width, 3 * width))})
              .value();
    }
    result.inputs.push_back({path, value});
  }
  const std::vector<Tensor*> places = parameter_places(module);
  std::vector<Parameter> parameters;
  for (const Tensor* place : places) parameters.push_back(by_node.at(place->node().get()));
  result.call = [places, parameters, f](const std::vector<Tensor>& values) {
    for (size_t i = 0; i < places.size(); ++i) {
      const auto& [input, key_bias] = parameters[i];
      const Tensor& value = values[input];
      *places[i] = value;
      if (key_bias.is_empty_handle()) continue;
      const int64_t width = key_bias.numel();
      *places[i] =
          concat({slice(value, 0, 0, width), Tensor(key_bias), slice(value, 0, width, 2 * width)});
    }
    return f(values);
  };
  return result;
}

/// Checks f(x) in x (if there is one) and in all parameters of the module, which keeps them.
inline void expect_module_gradients(const std::string& name, nn::Module& module,
                                    const std::vector<NamedArray>& x, const Function& f) {
  const std::vector<Tensor*> places = parameter_places(module);
  std::vector<Tensor> originals;
  for (const Tensor* place : places) originals.push_back(*place);
  const auto [inputs, call] = module_function(module, x, f);
  const GradcheckResult result = gradcheck(name, call, inputs);
  for (size_t i = 0; i < places.size(); ++i) *places[i] = originals[i];
  EXPECT_TRUE(result.passed) << result.report();
}

/// The names of a module's parameters.
inline std::vector<std::string> parameter_names(nn::Module& module) {
  std::vector<std::string> names;
  for (const auto& [name, parameter] : module.named_parameters()) names.push_back(name);
  return names;
}

/// The values of all parameters, copied.
inline std::vector<NamedArray> state_of(nn::Module& module) {
  std::vector<NamedArray> state = module.state();
  for (NamedArray& entry : state) entry.value = entry.value.clone();
  return state;
}

}  // namespace gradus::test
