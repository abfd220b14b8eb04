/// \file
/// Anomaly mode: stop at the first NaN or infinity, and say where it came from.
#pragma once

#include <memory>
#include <string_view>

#include "gradus/autograd.h"

namespace gradus {

/// While one is alive, an op on this thread whose result is suddenly not finite throws, and so does
/// a backward closure that gives such a gradient. The error names the op, the shapes and ranges of
/// its inputs, and the line of ops that led to them.
///
/// With `GRADUS_ANOMALY=1` in the environment every thread of any program begins with one.
///
/// Not every infinity is a mistake: masks are made of them. In the forward pass it stops at
///   - a NaN, wherever it comes from;
///   - an infinity that an op made of finite inputs; but not masked_fill, whose constant was asked
///     for;
///   - a parameter that is itself not finite, when its first use shows.
/// An infinity that was in an input already, a mask of -inf that is added, passes until it becomes
/// NaN. In the backward pass nothing infinite is ever meant: it stops at every gradient that is not
/// finite. What optimisers do to parameters in place is no op; it shows in the next forward pass.
///
/// Results are the same bits with and without. It reads every result and every gradient once, which
/// costs time, and remembers the last 16384 ops (some megabytes), but keeps no array alive.
class Anomaly : public Trace {
 public:
  /// From now on, on this thread.
  Anomaly();
  ~Anomaly() override;

  void on_record(const char* op, const Tensor& result, std::span<const Tensor> inputs) override;
  void on_backward(const Node& node, const Array& gradient) override;
  void on_passed_back(const Node& node) override;

  /// Whether that value of GRADUS_ANOMALY asks for it: "1" does, "0" and "" do not. \throws Error
  /// for any other.
  static bool wanted(std::string_view value);

 private:
  friend class Trace;
  explicit Anomaly(FirstOfThread tag);
  class History;
  std::unique_ptr<History> history_;
};

}  // namespace gradus
