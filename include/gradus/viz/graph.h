/// \file
/// The graph of a computation as a picture.
#pragma once

#include <string>
#include <vector>

#include "gradus/tensor.h"

namespace gradus::viz {

/// Watches what is computed while it is alive, and draws it:
///
///     viz::GraphTrace graph;
///     Tensor loss = sum(softmax(matmul(q, k)));
///     graph.name(q, "Q");
///     loss.backward();                        // so that gradients are in the picture as well
///     write_file("graph.svg", graph.svg());
///
/// It keeps the arrays it has seen alive, so it is for small computations. Only one thread is
/// watched.
class GraphTrace : public Trace {
 public:
  GraphTrace();
  ~GraphTrace() override;

  /// What a tensor is called in the text around the picture. Any tensor that was computed or used
  /// while this observer was alive, also a constant. \throws Error for one it has not seen.
  void name(const Tensor& tensor, std::string name);

  /// The graph in Graphviz's language: a node for each result (op, name, shape), leaves and
  /// constants marked as such; tensors of up to `small` elements show their values and, after
  /// backward, their gradients. Edges run from input to result.
  std::string dot(int64_t small = 12) const;
  /// The picture, drawn by Graphviz's `dot`; it follows the page's colour (`currentColor`).
  /// \throws Error if the program `dot` is not installed, naming the package.
  std::string svg(int64_t small = 12) const;
  /// The same as a table for the terminal: one line a node, in the order of computation: number,
  /// name, op, the numbers of its inputs, shape, value and gradient of small ones.
  std::vector<std::vector<std::string>> table(int64_t small = 4) const;

  void on_record(const char* op, const Tensor& result, std::span<const Tensor> inputs) override;
  void on_backward(const Node& node, const Array& gradient) override;

 private:
  struct Seen;
  std::vector<Seen> seen_;
};

}  // namespace gradus::viz
