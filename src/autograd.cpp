#include "gradus/autograd.h"

#include <atomic>
#include <queue>

#include "gradus/arithmetic.h"
#include "out_of_memory.h"

namespace gradus {
namespace {

thread_local bool grad_mode = true;

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

// ---- nodes --------------------------------------------------------------------------------------

Node::Node(const char* op_name, const Shape& value_shape, DType value_dtype,
           std::vector<NodePtr> input_nodes, Backward closure)
    : op(op_name),
      shape(value_shape),
      dtype(value_dtype),
      id(next_id()),
      inputs(std::move(input_nodes)),
      backward(std::move(closure)) {}

namespace {

// Dropping a long chain node by node would recurse as deep as the chain is long. Instead a node
// that nobody else holds waits until its inputs are gone, and dies with none. A destructor may not
// ask for memory: the nodes that wait are a list, whose links stand in the places of inputs that
// are gone.
//
//   waiting -> node  [input, input, link] -> node  [input, link] -> null
void let_go(NodePtr node) {
  NodePtr waiting;
  for (;;) {
    if (node != nullptr && node.use_count() == 1 && !node->inputs.empty()) {
      NodePtr last = std::exchange(node->inputs.back(), std::move(waiting));
      waiting = std::exchange(node, std::move(last));
      continue;
    }
    node = nullptr;  // somebody else holds it, or it has no inputs
    if (waiting == nullptr) return;
    std::vector<NodePtr>& left = waiting->inputs;
    NodePtr behind = std::move(left.back());
    left.pop_back();
    if (left.empty())
      waiting = std::move(behind);
    else
      node = std::exchange(left.back(), std::move(behind));
  }
}

}  // namespace

Node::~Node() {
  for (NodePtr& input : inputs) let_go(std::move(input));
}

// ---- accumulation -------------------------------------------------------------------------------

const NodePtr& Inputs::node(size_t i) const {
  check(i < count(), "there is no input {}: the op has {}", i, count());
  return nodes_[i];
}

void Inputs::add(size_t i, Array g) {
  if (!wants(i)) return;
  Node& node = *nodes_[i];
  check(g.dtype() == node.dtype, "gradient of {}: dtype is {}, the value's is {}", node.op,
        name(g.dtype()), name(node.dtype));
  if (!(g.shape() == node.shape)) {
    check(broadcast(g.shape(), node.shape) == g.shape(),
          "gradient of {}: shape is {}, the value's is {}", node.op, g.shape(), node.shape);
    g = sum_to(g, node.shape);
  }
  if (node.grad.is_empty_handle())
    // A leaf's gradient is for people and optimisers: memory of its own, row-major.
    node.grad = node.is_leaf() && !(g.is_unique() && g.is_contiguous()) ? g.clone() : std::move(g);
  else if (node.grad.is_unique() && node.grad.is_dense())
    add_in_place(node.grad, g);
  else
    node.grad = node.grad + g;
}

Array& Inputs::buffer(size_t i) {
  check(wants(i), "backward: input {} wants no gradient, so it has no buffer", i);
  Node& node = *nodes_[i];
  if (node.grad.is_empty_handle())
    node.grad = Array::zeros(node.shape, node.dtype);
  else if (!node.grad.is_unique() || !node.grad.is_contiguous())
    node.grad = node.grad.clone();
  return node.grad;
}

// ---- saved arrays -------------------------------------------------------------------------------

struct Saved::Record {
  explicit Record(const Array& a, Storage& s) : array(a), storage(s), version(s.version()) {
    storage.add_saved();
  }
  ~Record() { storage.remove_saved(); }
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;
  const Array array;
  Storage& storage;  // kept alive by array
  const uint64_t version;
};

Saved::Saved(const Array& array)
    : record_(with_memory([&] { return std::make_shared<const Record>(array, array.storage()); },
                          "saved")) {}

Saved::Saved(const Saved&) = default;
Saved::Saved(Saved&&) noexcept = default;
Saved& Saved::operator=(const Saved&) = default;
Saved& Saved::operator=(Saved&&) noexcept = default;
Saved::~Saved() = default;

const Array& Saved::operator*() const {
  check(record_->version == record_->storage.version(),
        "a tensor saved for backward, {} {}, was changed in place after the forward pass (write "
        "{}, then {})",
        name(record_->array.dtype()), record_->array.shape(), record_->version,
        record_->storage.version());
  return record_->array;
}

Saved saved(const Array& array) { return Saved(array); }

// ---- observers ----------------------------------------------------------------------------------

Trace::Trace() : older_(std::exchange(newest(), this)) {}
Trace::~Trace() { newest() = older_; }

void trace_record(const char* op, const Tensor& result, std::span<const Tensor> inputs) {
  for (Trace* trace = Trace::newest(); trace != nullptr; trace = trace->older_)
    trace->on_record(op, result, inputs);
}

void trace_backward(const Node& node, const Array& gradient) {
  for (Trace* trace = Trace::newest(); trace != nullptr; trace = trace->older_)
    trace->on_backward(node, gradient);
}

void trace_passed_back(const Node& node) {
  for (Trace* trace = Trace::newest(); trace != nullptr; trace = trace->older_)
    trace->on_passed_back(node);
}

// ---- modes --------------------------------------------------------------------------------------

bool grad_enabled() { return grad_mode; }
NoGrad::NoGrad() : before_(std::exchange(grad_mode, false)) {}
NoGrad::~NoGrad() { grad_mode = before_; }
EnableGrad::EnableGrad() : before_(std::exchange(grad_mode, true)) {}
EnableGrad::~EnableGrad() { grad_mode = before_; }

// ---- the walk back ------------------------------------------------------------------------------

namespace {

// Nodes waiting for their turn, the newest on top. A node with several users is queued once for
// each of them; its copies come up one after another, because ids are unique.
class NewestFirst {
 public:
  void push(NodePtr node) { heap_.push(std::move(node)); }
  bool empty() const { return heap_.empty(); }
  NodePtr pop() {
    NodePtr node = heap_.top();
    while (!heap_.empty() && heap_.top() == node) heap_.pop();
    return node;
  }

 private:
  struct Older {
    bool operator()(const NodePtr& a, const NodePtr& b) const { return a->id < b->id; }
  };
  std::priority_queue<NodePtr, std::vector<NodePtr>, Older> heap_;
};

void run_closure(const Node& node, const Array& dy) {
  try {
    node.backward(dy, Inputs(node.inputs));
  } catch (const Error& error) {
    fail("backward of {}: {}", node.op, error.what());
  } catch (const std::bad_alloc&) {
    fail_out_of_memory("backward of {}", node.op);
  }
}

// After its turn a node is an empty shell: whatever the caller does not hold goes back to the free
// lists.
void release(Node& node) {
  node.backward = nullptr;
  node.inputs.clear();
  node.grad = {};
  node.released = true;
}

void forget_gradient(const NodePtr& node) {
  if (node != nullptr && !node->is_leaf()) node->grad = {};
}

}  // namespace

void backward(const NodePtr& root, Array seed) try {
  check(root != nullptr,
        "backward: this tensor does not depend on anything that requires a gradient");
  const NoGrad guard;
  NewestFirst waiting;
  NodePtr node = root;
  try {
    Inputs({&root, 1}).add(0, std::move(seed));
    waiting.push(root);
    while (!waiting.empty()) {
      node = waiting.pop();
      check(!node->released,
            "backward: reached '{}' {}, which an earlier backward has already passed through and "
            "released; "
            "add the losses and call backward once, or compute the shared part again",
            node->op, node->shape);
      if (!node->grad.is_empty_handle()) {  // otherwise no share arrived: its gradient is zero
        trace_backward(*node, node->grad);
        if (!node->is_leaf()) {
          run_closure(*node, node->grad);
          trace_passed_back(*node);
        }
      }
      if (node->is_leaf()) continue;
      for (const NodePtr& input : node->inputs)
        if (input != nullptr) waiting.push(input);
      release(*node);
    }
  } catch (...) {
    // Half-made gradients must not leak into a later pass. Those of leaves stay: the caller owns
    // them.
    forget_gradient(node);
    for (const NodePtr& input : node->inputs) forget_gradient(input);
    while (!waiting.empty()) forget_gradient(waiting.pop());
    throw;
  }
} catch (const std::bad_alloc&) {
  fail_out_of_memory("backward");
}

}  // namespace gradus
