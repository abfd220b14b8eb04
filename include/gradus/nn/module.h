/// \file
/// Module: a thing with named parameters. One method, visit, names them; parameter lists, state
/// dictionaries, dtype conversion and training mode all derive from it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/tensor.h"

namespace gradus::nn {

class Module;

/// Walks a tree of modules. A module's visit() hands it each of its own parameters and children by
/// name; the visitor keeps track of the path, "blocks.0.self_attn.in_proj_weight".
class Visitor {
 public:
  /// Visitors are derived from.
  virtual ~Visitor() = default;

  /// A parameter of the module that is being visited. One that is absent (no bias) is passed over.
  void operator()(std::string_view name, Tensor& parameter);
  /// A child; its own visit() follows. Without a name, what it names stands beside the parent's
  /// own.
  void operator()(std::string_view name, Module& child);
  /// Children in a row: name.0, name.1, ...
  template <class M>
  void operator()(std::string_view name, std::vector<M>& children) {
    for (size_t i = 0; i < children.size(); ++i)
      (*this)(std::string(name) + "." + std::to_string(i), children[i]);
  }

  /// What to do with a parameter, whose path leads from the root; nothing unless overridden.
  virtual void on_parameter(const std::string& /*path*/, Tensor& /*parameter*/) {}
  /// What to do with a module, before its parts are visited; nothing unless overridden.
  virtual void on_module(Module& /*module*/) {}

 private:
  std::string path_;
};

/// A parameter and its path from the root of the tree.
using NamedParameter = std::pair<std::string, Tensor>;

/// How `given` arrays differ from those that a model has: a line for each that is missing, not
/// expected, or of another shape or dtype ("\n  weight is float32 [72, 24], the model's is float32
/// [96, 32]"), up to 40 and then how many more. Empty if all names, shapes and dtypes agree.
std::string differences(const std::vector<NamedArray>& given, const std::vector<NamedArray>& own);

/// The base of layers and models. Modules are moved, not copied: a copy would silently share its
/// weights.
class Module {
 public:
  /// In training, until train(false).
  Module() = default;
  /// Modules are derived from.
  virtual ~Module() = default;
  /// The weights go over to the new module.
  Module(Module&&) = default;
  /// The same.
  Module& operator=(Module&&) = default;

  /// Names every parameter and child to the visitor, always in the same order.
  virtual void visit(Visitor& visitor) = 0;

  /// All parameters with their paths, in visiting order; one that is shared by two modules (a tied
  /// weight) appears once, under its first path.
  std::vector<NamedParameter> named_parameters();
  /// How many numbers are learned.
  int64_t parameter_count();
  /// Forgets all gradients.
  void zero_grad();
  /// Converts every parameter; those that were tied stay tied. Gradients are forgotten, and an
  /// optimiser that was made before still holds the old ones. \throws Error for a dtype other than
  /// float32 and float64.
  void to(DType dtype);
  /// Switches between training and evaluation, which is what dropout asks for.
  void train(bool on = true);
  /// Whether train() or train(false) was called last; at first it is true.
  bool is_training() const { return training_; }

  /// The parameters' values under their names, for io::save_safetensors. They are the parameters'
  /// own memory, not copies: a later step changes them.
  std::vector<NamedArray> state();
  /// Copies values into the parameters of the same names. \throws Error with the differences(), if
  /// there are any; then nothing has been changed.
  void load_state(const std::vector<NamedArray>& state);

 private:
  bool training_ = true;
};

}  // namespace gradus::nn
