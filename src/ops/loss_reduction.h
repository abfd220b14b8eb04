// From the losses of single elements to one number, and back.
#pragma once

#include "gradus/arithmetic.h"
#include "gradus/ops/loss.h"

namespace gradus {

class Reducer {
 public:
  // For losses of a shape, of which `counted` take part in a mean.
  Reducer(const char* op, Reduction reduction, const Shape& losses, int64_t counted)
      : reduction_(reduction), losses_(losses) {
    check(reduction != Reduction::batchmean || losses.rank() > 0,
          "{}: batchmean needs an axis to count, got a loss of shape {}", op, losses);
    if (reduction == Reduction::mean) divisor_ = static_cast<double>(counted);
    if (reduction == Reduction::batchmean) divisor_ = static_cast<double>(losses[0]);
  }

  Array operator()(const Array& losses) const {
    return reduction_ == Reduction::none ? losses : sum(losses) / divisor_;
  }
  // The gradients of the losses, given that of the result.
  Array spread(const Array& dy) const {
    return reduction_ == Reduction::none ? dy : (dy / divisor_).expand(losses_);
  }

 private:
  Reduction reduction_;
  Shape losses_;
  double divisor_ = 1;
};

}  // namespace gradus
