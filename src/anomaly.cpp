#include "gradus/anomaly.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <limits>
#include <string>
#include <tuple>
#include <unordered_map>

#include "gradus/tensor.h"

namespace gradus {
namespace {

// What the numbers of an array are like.
struct Range {
  int64_t count = 0, nan = 0, infinite = 0;
  double low = std::numeric_limits<double>::infinity(), high = -low;  // of those that are finite

  bool finite() const { return nan + infinite == 0; }
  double magnitude() const { return low > high ? 0 : std::max(std::abs(low), std::abs(high)); }

  // Of those that are finite.
  std::string ordinary() const {
    return low > high    ? ""
           : low == high ? fmt::format("{:.4g}", low)
                         : fmt::format("{:.4g} to {:.4g}", low, high);
  }
};

// Indices and masks have no range, and always count as finite.
Range range_of(const Array& a) {
  if (!is_floating(a.dtype())) return {};
  const Array dense = a.contiguous();
  Range range;
  range.count = dense.numel();
  dispatch_float("anomaly", a.dtype(), [&]<class T> {
    const T* x = dense.data<T>();
    T low = std::numeric_limits<T>::infinity(), high = -low;
    for (int64_t i = 0; i < range.count; ++i) {
      if (std::abs(x[i]) <= std::numeric_limits<T>::max()) [[likely]] {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
      } else {
        ++(std::isnan(x[i]) ? range.nan : range.infinite);
      }
    }
    range.low = static_cast<double>(low);
    range.high = static_cast<double>(high);
  });
  return range;
}

// A line of a report, or two, within 80 columns unless numbers or names are very long.
std::string line(std::string_view what, const Shape& shape, const Range& range) {
  const auto columns = [](std::string_view first, std::string_view second, std::string_view third) {
    return fmt::format("\n  {:<26} {:<14} {}", first, second, third);
  };
  if (range.finite()) return columns(what, shape.to_string(), range.ordinary());
  std::string bad;
  if (range.nan > 0) bad = fmt::format("{} NaN", range.nan);
  if (range.infinite > 0)
    bad += fmt::format("{}{} infinite", range.nan > 0 ? ", " : "", range.infinite);
  bad = columns(what, shape.to_string(), fmt::format("{} of {}", bad, range.count));
  return range.ordinary().empty() ? bad : bad + columns("", "", "others " + range.ordinary());
}

const char* noun(const Range& range) { return range.nan > 0 ? "NaN" : "infinity"; }

}  // namespace

// ---- what happened so far -----------------------------------------------------------------------

class Anomaly::History {
 public:
  void record(const char* op, const Tensor& result, std::span<const Tensor> inputs);
  void reached(const Node& node, const Array& gradient);
  void passed_back(const Node& node);

 private:
  static constexpr int64_t nowhere = -1;
  static constexpr size_t longest = 1 << 14;  // steps that are remembered
  static constexpr int shown = 12;            // links of a line that are printed

  // An input of a step, and which earlier step made it.
  struct Source {
    size_t position;   // among the inputs
    int64_t step;      // nowhere, if it is no op's result or is forgotten
    const char* what;  // the op that made it, "leaf" or "constant"
    Shape shape;
    Range range;
  };
  // An op. Steps are numbered; a step's storage is told from a later one at the same address,
  // because as long as somebody may ask about it, its counter block stays.
  struct Step {
    const char* op;
    Shape shape;
    Strides strides;
    int64_t offset;
    Range range;
    uint64_t node;  // its id, or if it has none that of the step before: ascending
    bool has_node;
    std::weak_ptr<const Storage> storage;
    const Storage* address;
    uint64_t version;           // of the storage: what is written in place later is no op's
    int64_t before_in_storage;  // the step before that gave a view of the same storage
    std::vector<Source> inputs = {};
    Range gradient = {};              // what has arrived at it,
    int64_t gradient_from = nowhere;  // and from which step's closure at last
  };

  const Step* at(int64_t number) const {
    const int64_t index = number - forgotten_;
    return number < 0 || index < 0 ? nullptr : &steps_[static_cast<size_t>(index)];
  }
  Step* at(int64_t number) {
    return const_cast<Step*>(static_cast<const History*>(this)->at(number));
  }
  int64_t next() const { return forgotten_ + std::ssize(steps_); }
  int64_t maker_of(const Array& a) const;
  int64_t step_of(const Node& node) const;
  Source source_of(size_t position, const Tensor& input) const;
  void remember(Step step);

  static const Source* most_suspect(const std::vector<Source>& inputs);
  static std::string inputs_text(const std::vector<Source>& inputs);
  std::string led_to(const Step& step) const;
  std::string gradient_led_to(const Step& step) const;
  [[noreturn]] void stop_forward(const Step& step, const char* of_what) const;
  [[noreturn]] void stop_backward(const Node& node, size_t input, const Range& range) const;

  std::deque<Step> steps_;
  int64_t forgotten_ = 0;  // steps that are no longer in steps_: their numbers come first
  std::unordered_map<const Storage*, int64_t> newest_in_;
};

// The newest step that gave this very view of its storage.
int64_t Anomaly::History::maker_of(const Array& a) const {
  const auto newest = newest_in_.find(&a.storage());
  if (newest == newest_in_.end()) return nowhere;
  for (int64_t number = newest->second;;) {
    const Step* step = at(number);
    if (step == nullptr) return nowhere;
    if (step->offset == a.offset() && step->shape == a.shape() && step->strides == a.strides())
      return step->version == a.storage().version() ? number : nowhere;
    number = step->before_in_storage;
  }
}

int64_t Anomaly::History::step_of(const Node& node) const {
  auto step = std::lower_bound(steps_.begin(), steps_.end(), node.id,
                               [](const Step& s, uint64_t id) { return s.node < id; });
  if (step == steps_.end() || step->node != node.id || !step->has_node) return nowhere;
  return forgotten_ + (step - steps_.begin());
}

Anomaly::History::Source Anomaly::History::source_of(size_t position, const Tensor& input) const {
  const bool is_leaf = input.requires_grad() && input.node()->is_leaf();
  const int64_t maker = is_leaf ? nowhere : maker_of(input.value());
  if (const Step* step = at(maker)) return {position, maker, step->op, step->shape, step->range};
  const char* what = input.requires_grad() ? input.node()->op : "constant";
  return {position, nowhere, what, input.shape(), range_of(input.value())};
}

void Anomaly::History::remember(Step step) {
  newest_in_[step.address] = next();
  steps_.push_back(std::move(step));
  if (steps_.size() <= longest) return;
  const auto newest = newest_in_.find(steps_.front().address);
  if (newest != newest_in_.end() && newest->second == forgotten_) newest_in_.erase(newest);
  steps_.pop_front();
  ++forgotten_;
}

// ---- forward ------------------------------------------------------------------------------------

void Anomaly::History::record(const char* op, const Tensor& result,
                              std::span<const Tensor> inputs) {
  const Array& value = result.value();
  const auto newest = newest_in_.find(&value.storage());
  Step step{.op = op,
            .shape = value.shape(),
            .strides = value.strides(),
            .offset = value.offset(),
            .range = {},
            .node = result.requires_grad() ? result.node()->id
                    : steps_.empty()       ? 0
                                           : steps_.back().node,
            .has_node = result.requires_grad(),
            .storage = value.storage_identity(),
            .address = &value.storage(),
            .version = value.storage().version(),
            .before_in_storage = newest == newest_in_.end() ? nowhere : newest->second};
  bool finite_inputs = true, sound_parameters = true, seen = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].is_empty_handle()) continue;
    const Source& input = step.inputs.emplace_back(source_of(i, inputs[i]));
    finite_inputs &= input.range.finite();
    if (inputs[i].requires_grad() && inputs[i].node()->is_leaf())
      sound_parameters &= input.range.finite();
    // The same numbers, looked at differently.
    if (value.shares_storage_with(inputs[i].value()) && value.numel() == inputs[i].numel()) {
      step.range = input.range;
      seen = true;
    }
  }
  if (!seen) step.range = range_of(value);
  if (step.range.nan > 0)
    stop_forward(step, finite_inputs ? "finite inputs" : "inputs that are not finite");
  if (step.range.infinite > 0) {
    if (!sound_parameters) stop_forward(step, "a parameter that is not finite");
    if (finite_inputs && std::string_view(op) != "masked_fill") stop_forward(step, "finite inputs");
  }
  remember(std::move(step));
}

// The input that is least finite; of those alike an op's result or a parameter before a constant,
// and then the largest.
const Anomaly::History::Source* Anomaly::History::most_suspect(const std::vector<Source>& inputs) {
  const auto worst =
      std::max_element(inputs.begin(), inputs.end(), [](const Source& a, const Source& b) {
        const auto badness = [](const Source& s) {
          return std::tuple(s.range.nan + s.range.infinite, std::string_view(s.what) != "constant",
                            s.range.magnitude());
        };
        return badness(a) < badness(b);
      });
  return worst == inputs.end() ? nullptr : &*worst;
}

std::string Anomaly::History::inputs_text(const std::vector<Source>& inputs) {
  std::string text;
  for (const Source& input : inputs)
    text += line(fmt::format("input {}, {}", input.position, input.what), input.shape, input.range);
  return text;
}

std::string Anomaly::History::led_to(const Step& step) const {
  std::string text = "\nThe ops that led to it, newest first, and what they gave:";
  const Step* here = &step;
  for (int links = 0; links < shown; ++links) {
    const Source* source = most_suspect(here->inputs);
    if (source == nullptr) return text;
    text += line(source->what, source->shape, source->range);
    here = at(source->step);
    if (here == nullptr) return text;
  }
  return text + "\n  and more before them";
}

void Anomaly::History::stop_forward(const Step& step, const char* of_what) const {
  fail("anomaly in the forward pass:\n  {} makes {} of {}{}{}{}", step.op, noun(step.range),
       of_what, line("its result", step.shape, step.range), inputs_text(step.inputs), led_to(step));
}

// ---- backward -----------------------------------------------------------------------------------

// Shares were looked at when they were passed on: what is left is where backward begins.
void Anomaly::History::reached(const Node& node, const Array& gradient) {
  Step* step = at(step_of(node));
  if (node.is_leaf() || (step != nullptr && step->gradient_from != nowhere)) return;
  const Range range = range_of(gradient);
  if (!range.finite())
    fail("anomaly in the backward pass:\n  it was begun with a gradient that is not finite{}",
         line(fmt::format("at {}", node.op), node.shape, range));
  if (step != nullptr) step->gradient = range;
}

void Anomaly::History::passed_back(const Node& node) {
  const int64_t here = step_of(node);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == nullptr || node.inputs[i]->grad.is_empty_handle()) continue;
    const Range range = range_of(node.inputs[i]->grad);
    if (!range.finite()) stop_backward(node, i, range);
    if (Step* input = at(step_of(*node.inputs[i]))) {
      input->gradient = range;
      input->gradient_from = here;
    }
  }
}

std::string Anomaly::History::gradient_led_to(const Step& step) const {
  std::string text =
      "\nThe ops whose backward led to it, newest first, and the gradients that arrived:";
  const Step* here = at(step.gradient_from);
  if (here == nullptr) return {};
  for (int links = 0; links < shown && here != nullptr; ++links) {
    text += line(here->op, here->shape, here->gradient);
    here = at(here->gradient_from);
  }
  return here == nullptr ? text : text + "\n  and more before them";
}

void Anomaly::History::stop_backward(const Node& node, size_t input, const Range& range) const {
  std::string text = fmt::format(
      "anomaly in the backward pass:\n  the backward of {} gives {}{}", node.op, noun(range),
      line(fmt::format("gradient of input {}", input), node.inputs[input]->shape, range));
  if (const Step* step = at(step_of(node))) {
    // As it was when it arrived: the closure may have made its result in the same memory.
    text += line("dy, the arriving gradient", step->shape, step->gradient);
    text += line("its result in forward", step->shape, step->range);
    text += inputs_text(step->inputs) + gradient_led_to(*step);
  }
  fail("{}", text);
}

// ---- the observer -------------------------------------------------------------------------------

Anomaly::Anomaly() : history_(std::make_unique<History>()) {}
Anomaly::Anomaly(FirstOfThread tag) : Trace(tag), history_(std::make_unique<History>()) {}
Anomaly::~Anomaly() = default;

void Anomaly::on_record(const char* op, const Tensor& result, std::span<const Tensor> inputs) {
  history_->record(op, result, inputs);
}
void Anomaly::on_backward(const Node& node, const Array& gradient) {
  history_->reached(node, gradient);
}
void Anomaly::on_passed_back(const Node& node) { history_->passed_back(node); }

bool Anomaly::wanted(std::string_view value) {
  check(value.empty() || value == "0" || value == "1",
        "GRADUS_ANOMALY: '{}' is neither 0 nor 1, which stops at the first NaN or infinity", value);
  return value == "1";
}

Trace*& Trace::newest() {
  static thread_local Trace* trace = [] {
    const char* value = std::getenv("GRADUS_ANOMALY");
    if (!Anomaly::wanted(value == nullptr ? "" : value)) return static_cast<Trace*>(nullptr);
    static thread_local Anomaly anomaly{FirstOfThread()};
    return static_cast<Trace*>(&anomaly);
  }();
  return trace;
}

}  // namespace gradus
