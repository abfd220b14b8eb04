#include "gradus/nn/module.h"

#include <algorithm>
#include <map>
#include <set>

namespace gradus::nn {
namespace {

// A visitor made of two lambdas.
template <class OnParameter, class OnModule>
void walk(Module& root, OnParameter on_parameter, OnModule on_module) {
  struct Walk : Visitor {
    Walk(OnParameter& p, OnModule& m) : parameter(p), module(m) {}
    void on_parameter(const std::string& path, Tensor& tensor) override { parameter(path, tensor); }
    void on_module(Module& m) override { module(m); }
    OnParameter& parameter;
    OnModule& module;
  } visitor(on_parameter, on_module);
  on_module(root);
  root.visit(visitor);
}

constexpr auto nothing = [](auto&&...) {};

}  // namespace

void Visitor::operator()(std::string_view name, Tensor& parameter) {
  if (!parameter.is_empty_handle()) on_parameter(path_ + std::string(name), parameter);
}

void Visitor::operator()(std::string_view name, Module& child) {
  const size_t length = path_.size();
  if (!name.empty()) path_ += std::string(name) + ".";
  on_module(child);
  child.visit(*this);
  path_.resize(length);
}

std::vector<NamedParameter> Module::named_parameters() {
  std::vector<NamedParameter> result;
  std::set<const Node*> seen;
  walk(
      *this,
      [&](const std::string& path, Tensor& tensor) {
        if (seen.insert(tensor.node().get()).second) result.emplace_back(path, tensor);
      },
      nothing);
  return result;
}

int64_t Module::parameter_count() {
  int64_t count = 0;
  for (const auto& [name, tensor] : named_parameters()) count += tensor.numel();
  return count;
}

void Module::zero_grad() {
  for (const auto& [name, tensor] : named_parameters()) tensor.zero_grad();
}

void Module::to(DType dtype) {
  std::map<NodePtr, Tensor> converted;  // from the old leaf to the new one
  walk(
      *this,
      [&](const std::string&, Tensor& tensor) {
        Tensor& twin = converted[tensor.node()];
        if (twin.is_empty_handle()) twin = parameter(tensor.value().to(dtype));
        tensor = twin;
      },
      nothing);
}

void Module::train(bool on) {
  walk(*this, nothing, [on](Module& module) { module.training_ = on; });
}

std::vector<NamedArray> Module::state() {
  std::vector<NamedArray> result;
  for (const auto& [name, tensor] : named_parameters()) result.push_back({name, tensor.value()});
  return result;
}

void Module::load_state(const std::vector<NamedArray>& state) {
  std::map<std::string, Array> given;
  for (const NamedArray& entry : state) given.emplace(entry.name, entry.value);
  std::vector<std::pair<Tensor, Array>> copies;
  std::string differences;
  for (const auto& [name, tensor] : named_parameters()) {
    const auto entry = given.extract(name);
    if (entry.empty()) {
      differences += fmt::format("\n  {} {} is missing", name, tensor.shape());
      continue;
    }
    const Array& value = entry.mapped();
    copies.emplace_back(tensor, value);
    if (!(value.shape() == tensor.shape()) || value.dtype() != tensor.dtype())
      differences +=
          fmt::format("\n  {} is {} {}, the model's is {} {}", name, gradus::name(value.dtype()),
                      value.shape(), gradus::name(tensor.dtype()), tensor.shape());
  }
  for (const auto& [name, value] : given)
    differences += fmt::format("\n  {} {} is not part of the model", name, value.shape());
  check(differences.empty(), "load: the state does not fit the model:{}", differences);

  const NoGrad guard;
  for (auto& [tensor, value] : copies) tensor.mutable_value().copy_from(value);
}

}  // namespace gradus::nn
