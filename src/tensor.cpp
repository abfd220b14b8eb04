#include "gradus/tensor.h"

#include "out_of_memory.h"

namespace gradus {

Tensor::Tensor(const Tensor&) = default;
Tensor::Tensor(Tensor&&) noexcept = default;
Tensor& Tensor::operator=(const Tensor&) = default;
Tensor& Tensor::operator=(Tensor&&) noexcept = default;
Tensor::~Tensor() = default;

const Array& Tensor::grad() const {
  check(node_ != nullptr,
        "grad: this tensor is a constant; make it with parameter() to have its gradient computed");
  check(has_grad(), "grad: '{}' {} holds no gradient: backward has not reached it{}", node_->op,
        node_->shape, node_->is_leaf() ? "" : ", and only leaves keep theirs");
  return node_->grad;
}

void Tensor::zero_grad() const {
  if (node_ != nullptr) node_->grad = {};
}

void Tensor::backward() const {
  check(numel() == 1,
        "backward: needs a single element, got {}; or give the gradient to start from", shape());
  backward(Array::full(shape(), 1, dtype()));
}

void Tensor::backward(const Array& seed) const {
  check(seed.shape() == shape(), "backward: the seed's shape {} is not the tensor's {}",
        seed.shape(), shape());
  gradus::backward(node_, seed);
}

Array& Tensor::mutable_value() {
  check(!grad_enabled(), "mutable_value: a tensor is changed in place only under NoGrad");
  return value_;
}

Tensor parameter(Array value) {
  check(!value.is_empty_handle(), "parameter: this handle holds no array");
  check_floating("parameter", value.dtype());
  Tensor leaf(std::move(value));
  leaf.node_ = with_memory(
      [&] {
        return std::make_shared<Node>("leaf", leaf.shape(), leaf.dtype(), std::vector<NodePtr>{},
                                      nullptr);
      },
      "parameter");
  return leaf;
}

Tensor record(const char* op, Array value, std::span<const Tensor> inputs, Backward backward) {
  Tensor result(std::move(value));
  const auto needs_grad = [](const Tensor& input) { return input.requires_grad(); };
  if (grad_enabled() && std::any_of(inputs.begin(), inputs.end(), needs_grad)) {
    result.node_ = with_memory(
        [&] {
          std::vector<NodePtr> nodes;
          nodes.reserve(inputs.size());
          for (const Tensor& input : inputs) nodes.push_back(input.node());
          return std::make_shared<Node>(op, result.shape(), result.dtype(), std::move(nodes),
                                        std::move(backward));
        },
        "{}", op);
  }
  trace_record(op, result, inputs);
  return result;
}

Saved saved(const Tensor& tensor) { return Saved(tensor.value()); }

}  // namespace gradus
