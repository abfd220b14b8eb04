/// \file
/// The graph and the walk back through it: Node, Inputs, Saved, Trace, backward.
///
/// Ownership runs one way. A Tensor owns its Node, a Node owns its input Nodes, and nothing points
/// back, so a graph disappears when the last Tensor that needs it does.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/array.h"

namespace gradus {

class Inputs;
class Tensor;
struct Node;
/// A shared handle on a node; null for a constant.
using NodePtr = std::shared_ptr<Node>;

/// What an op does on the way back: given dy, the gradient of its result, it hands each input its
/// share. A std::function, but want of memory for its captures is an Error.
class Backward : public std::function<void(const Array& dy, Inputs inputs)> {
 public:
  /// Nothing to do: a leaf's.
  Backward(std::nullptr_t) {}
  /// Holds a copy of the closure. \throws Error if there is no memory for it.
  template <class F>
  requires(!std::derived_from<std::remove_cvref_t<F>, Backward>) Backward(F&& closure)
  try : function(std::forward<F>(closure)) {
  } catch (const std::bad_alloc&) {
    throw_out_of_memory("record");
  }
};

/// One step of the graph: what was done to which inputs, and how to undo it. It never holds the
/// value.
struct Node {
  /// Made by record and parameter alone.
  Node(const char* op, const Shape& shape, DType dtype, std::vector<NodePtr> inputs,
       Backward backward);
  /// Lets go of the inputs one by one, without recursion, however long the chain is.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// True for a parameter: no op made it, and it keeps its gradient.
  bool is_leaf() const { return !released && backward == nullptr; }

  const char* op;               ///< "matmul"; "leaf" for a parameter
  Shape shape;                  ///< of the value, and so of its gradient
  DType dtype;                  ///< of both
  uint64_t id;                  ///< grows with every node: an input is always older than its user
  std::vector<NodePtr> inputs;  ///< null where an input needs no gradient
  Backward backward;            ///< null for a leaf
  Array grad;                   ///< what has arrived so far; an empty handle before the first
  bool released = false;        ///< a backward has passed through: closure and inputs are gone
};

/// The inputs of the op whose backward runs, and the only place where gradients are accumulated.
class Inputs {
 public:
  /// Made by backward: the inputs of one node.
  explicit Inputs(std::span<const NodePtr> nodes) : nodes_(nodes) {}

  /// How many inputs the op has, constants included.
  size_t count() const { return nodes_.size(); }
  /// Whether input i needs a gradient at all: ask before you compute one. \throws Error if there is
  /// no input i.
  bool wants(size_t i) const { return node(i) != nullptr; }
  /// Whether a gradient has arrived at input i before: add and buffer would add to it. \throws
  /// Error if there is no input i.
  bool has_share(size_t i) const { return wants(i) && !node(i)->grad.is_empty_handle(); }
  /// Adds g to the gradient of input i, if it wants one. Where the input was broadcast to g's
  /// shape, g is summed back to the input's own shape first. \throws Error if there is no input i,
  /// or g does not fit it in shape or dtype.
  void add(size_t i, Array g);
  /// The gradient of input i itself, dense and zero at first use, for ops that write a part of it
  /// or accumulate into it (slice, embedding, a weight). \throws Error for an input that wants
  /// none.
  Array& buffer(size_t i);

 private:
  const NodePtr& node(size_t i) const;
  std::span<const NodePtr> nodes_;
};

/// An array kept for the backward pass. A closure's captures are Saved arrays, never Tensors, so
/// its capture list is the list of what the graph holds in memory (MemoryStats::saved counts it).
class Saved {
 public:
  /// Keeps the array, and remembers how often its storage has been written to. \throws Error for an
  /// empty handle.
  explicit Saved(const Array& array);
  /// Another handle on the same record.
  Saved(const Saved& other);
  /// The same; `other` can only be assigned to or destroyed then.
  Saved(Saved&& other) noexcept;
  /// Holds what `other` holds.
  Saved& operator=(const Saved& other);
  /// The same; `other` can only be assigned to or destroyed then.
  Saved& operator=(Saved&& other) noexcept;
  /// The last handle lets go of the array.
  ~Saved();
  /// The array. \throws Error if its storage was written to since it was saved: the gradient would
  /// silently be that of another computation.
  const Array& operator*() const;
  /// The same: `x->shape()`.
  const Array* operator->() const { return &**this; }

 private:
  struct Record;
  std::shared_ptr<const Record> record_;
};

/// Keeps an array (or a tensor's value) for backward: `[a = saved(a)](const Array& dy, Inputs in)
/// {...}`.
Saved saved(const Array& array);
/// The same for a tensor's value.
Saved saved(const Tensor& tensor);

/// An observer of everything that happens while it is alive, on this thread. Derive from it to draw
/// a graph, to stop at the first NaN, to watch a lesson's backward pass. The newest observer is
/// told first.
class Trace {
 public:
  /// From now on this observer is told what happens on this thread.
  Trace();
  /// Observers end in the reverse order of their beginnings, as scoped variables do.
  virtual ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// An op has computed its result. Without a graph (NoGrad, or no input that needs a gradient) the
  /// result has no node.
  virtual void on_record(const char* /*op*/, const Tensor& /*result*/,
                         std::span<const Tensor> /*inputs*/) {}
  /// Backward has reached a node whose gradient is now complete; its closure runs next.
  virtual void on_backward(const Node& /*node*/, const Array& /*gradient*/) {}
  /// The closure of that node has run: the gradients of its inputs hold their shares. The node's
  /// own gradient may be gone, for closures make results in its memory.
  virtual void on_passed_back(const Node& /*node*/) {}

 protected:
  /// Says that an observer is there from a thread's first event on.
  struct FirstOfThread {};
  /// For that observer.
  explicit Trace(FirstOfThread) : older_(nullptr) {}

 private:
  friend void trace_record(const char*, const Tensor&, std::span<const Tensor>);
  friend void trace_backward(const Node&, const Array&);
  friend void trace_passed_back(const Node&);
  // Null if nobody observes. At a thread's first event the environment is asked whether somebody
  // should: anomaly.cpp, where this is defined, says so.
  static Trace*& newest();
  Trace* older_;
};
/// Tells the living traces of this thread about a new result; record does.
void trace_record(const char* op, const Tensor& result, std::span<const Tensor> inputs);
/// Tells them about a node that backward has reached; backward does.
void trace_backward(const Node& node, const Array& gradient);
/// Tells them that the closure of that node has run; backward does.
void trace_passed_back(const Node& node);

/// Whether ops on this thread record a graph.
bool grad_enabled();

/// While one is alive, this thread records no graph: for evaluation, generation and in-place
/// updates.
class NoGrad {
 public:
  /// Switches recording off.
  NoGrad();
  /// Back to what it was before.
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

/// The reverse, inside a NoGrad: a backward closure that runs a small graph of its own needs it.
class EnableGrad {
 public:
  /// Switches recording on.
  EnableGrad();
  /// Back to what it was before.
  ~EnableGrad();
  EnableGrad(const EnableGrad&) = delete;
  EnableGrad& operator=(const EnableGrad&) = delete;

 private:
  bool before_;
};

/// Sends `seed`, the gradient of some scalar with respect to root's value, back through the graph.
///
/// Each node is visited once, newest first: a node is younger than all its inputs, so when it is
/// reached every user of its value has already added its share. A visited node is released (its
/// closure, its saved arrays, its gradient); only leaves keep their gradients. There is no
/// recursion anywhere. \throws Error if root is null, the seed does not fit it, a node is reached
/// that an earlier backward has released, or a closure fails: "backward of matmul: ...".
void backward(const NodePtr& root, Array seed);

}  // namespace gradus
