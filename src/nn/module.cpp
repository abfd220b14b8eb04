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
  const std::string found = differences(state, this->state());
  check(found.empty(), "load: the state does not fit the model:{}", found);
  std::map<std::string_view, const Array*> given;
  for (const auto& [name, value] : state) given.emplace(name, &value);
  const NoGrad guard;
  for (auto& [name, tensor] : named_parameters()) tensor.mutable_value().copy_from(*given.at(name));
}

std::string differences(const std::vector<NamedArray>& given, const std::vector<NamedArray>& own) {
  std::map<std::string_view, const Array*> left;
  for (const auto& [name, value] : given) left.emplace(name, &value);
  const auto described = [](const Array& a) {
    return fmt::format("{} {}", gradus::name(a.dtype()), a.shape());
  };
  std::vector<std::string> lines;
  for (const auto& [name, value] : own) {
    const auto entry = left.extract(name);
    if (entry.empty()) {
      lines.push_back(fmt::format("{} {} is missing", name, value.shape()));
      continue;
    }
    const Array& other = *entry.mapped();
    if (!(other.shape() == value.shape()) || other.dtype() != value.dtype())
      lines.push_back(
          fmt::format("{} is {}, the model's is {}", name, described(other), described(value)));
  }
  for (const auto& [name, value] : left)
    lines.push_back(
        fmt::format("{:?} {} is not part of the model", name.substr(0, 80), value->shape()));

  constexpr size_t most = 40;
  std::string text;
  for (size_t i = 0; i < std::min(lines.size(), most); ++i) text += "\n  " + lines[i];
  if (lines.size() > most) text += fmt::format("\n  and {} more", lines.size() - most);
  return text;
}

}  // namespace gradus::nn
