/// \file
/// The graph of a computation as a picture.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "gradus/tensor.h"
#include "gradus/viz/table.h"

namespace gradus::viz {

/// Watches what is computed while it is alive, and draws it:
///
///     viz::GraphTrace graph;
///     Tensor loss = sum(softmax(matmul(q, k)));
///     graph.name(q, "Q");
///     loss.backward();                        // so that gradients are in the picture as well
///     write_file("graph.svg", graph.svg());
///
/// A value is shown as it was when it was computed or first used, the gradient of a result as
/// backward completed it, that of a parameter as it is when the picture is drawn. A constant is
/// known by its place in memory (storage, offset, shape, strides) and by the writes to it: a tensor
/// that two ops use is one node, two tensors of equal numbers are two, and after a write in place a
/// parameter or a constant is another one. A constant that looks at a result, as detach() gives it,
/// is drawn behind that result.
///
/// It keeps the arrays it has seen alive, so it is for small computations. Only one thread is
/// watched.
class GraphTrace : public Trace {
 public:
  /// Watches this thread from now on, until it is destroyed.
  GraphTrace();
  ~GraphTrace() override;

  /// What a tensor is called in the text around the picture. Any tensor that was computed or used
  /// while this observer was alive, also a constant. \throws Error for one it has not seen.
  void name(const Tensor& tensor, std::string name);

  /// The graph in Graphviz's language: a node for each result (name, op, shape), for each parameter
  /// and for each constant; those of up to `small` elements (1024 at most) show their values and,
  /// after backward, their gradients. Edges run from input to result, broken where no gradient
  /// comes back.
  std::string dot(int64_t small = 12) const;
  /// The picture, drawn by Graphviz's `dot`, as an `<svg>` element for a page: its text has the
  /// page's font and colour (`currentColor`), and a tooltip says how each node was computed. A page
  /// may style its `.parameter`, `.constant` and `.result`. \throws Error if the program `dot` is
  /// not installed, naming the package, or if it fails.
  std::string svg(int64_t small = 12) const;
  /// The same as a table for the terminal: a header, then one line a node, in the order of
  /// computation: number, name, op, the numbers of its inputs, shape, value and gradient of small
  /// ones, "1 2 / 3 4" for a matrix. Where that is wider than `columns`, each gradient has a line
  /// of its own below the value.
  TableRows table(int64_t small = 4, int columns = 80) const;

  void on_record(const char* op, const Tensor& result, std::span<const Tensor> inputs) override;
  void on_backward(const Node& node, const Array& gradient) override;

 private:
  struct Seen;
  size_t add(const char* op, const Tensor& tensor, std::vector<size_t> inputs);
  size_t find_or_add(const Tensor& tensor);
  std::string label(const Seen& seen, int64_t small) const;
  std::string tooltip(const Seen& seen, size_t i) const;
  std::string called(size_t i) const;

  std::vector<Seen> seen_;
  // Where in seen_ to look: what was seen in a storage, in order; and by a node's id.
  std::unordered_map<const Storage*, std::vector<size_t>> in_storage_;
  std::unordered_map<uint64_t, size_t> with_node_;
};

}  // namespace gradus::viz
