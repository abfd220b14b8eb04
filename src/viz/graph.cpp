#include "gradus/viz/graph.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "gradus/viz/terminal.h"
#include "viz/draw_dot.h"
#include "viz/numbers.h"
#include "viz/text.h"

namespace gradus::viz {

// One tensor: a box of the picture.
struct GraphTrace::Seen {
  std::string op;    // "parameter", "constant", or what computed it
  std::string name;  // given by name()
  Array array;  // the tensor's own: it keeps the storage, and so its address, from being reused
  uint64_t version;            // of the storage, when this was seen
  uint64_t node = 0;           // its node's id; 0: no gradient comes here
  NodePtr leaf;                // of a parameter: holds the gradient
  std::vector<size_t> inputs;  // their places in seen_
  Array value, gradient;       // copies of small ones, otherwise empty handles

  const char* kind() const {
    return leaf != nullptr                      ? "parameter"
           : op == "constant" || op == "detach" ? "constant"
                                                : "result";
  }
  // A number that an expression brought along needs no box.
  bool is_plain_number() const { return op == "constant" && name.empty() && array.numel() == 1; }
  Array gradient_now() const { return leaf != nullptr ? leaf->grad : gradient; }
};

namespace {

// Larger tensors are not copied, and so never shown in full.
constexpr int64_t most_shown = 1024;

Array copy_of_small(const Array& a) { return a.numel() <= most_shown ? a.clone() : Array(); }
bool is_shown(const Array& a, int64_t small) {
  return !a.is_empty_handle() && a.numel() > 0 && a.numel() <= std::min(small, most_shown);
}

// Whether two arrays are the same elements in the same order. The stride of an axis of size 1 says
// nothing.
bool same_place(const Array& a, const Array& b) {
  if (!a.shares_storage_with(b) || a.offset() != b.offset() || a.dtype() != b.dtype() ||
      !(a.shape() == b.shape()))
    return false;
  for (int axis = 0; axis < a.rank(); ++axis)
    if (a.size(axis) != 1 && a.strides()[axis] != b.strides()[axis]) return false;
  return true;
}

// ---- Graphviz's language ------------------------------------------------------------------------

// Text inside a label or a tooltip. There a backslash and a letter would stand for something: it is
// doubled, and an invisible character (U+2060) keeps the letter off.
std::string as_text(std::string_view text) {
  std::string result;
  for (const char c : escaped(printable(text)))
    result += c == '\\' ? std::string("\\\\\u2060") : std::string(1, c);
  return result;
}

// Black becomes the page's colour; the tints show on white and on black paper.
constexpr const char* gradient_tint = " BGCOLOR=\"#f59e0b2e\"";
constexpr const char* no_gradient = " [style=dashed color=\"#00000099\"]";
constexpr const char* caption = "<FONT POINT-SIZE=\"11\" COLOR=\"#000000b0\">{}</FONT>";

std::string_view style_of(std::string_view kind) {
  if (kind == "parameter")
    return " style=\"rounded,filled\" penwidth=2 color=\"#3b82f6\" fillcolor=\"#3b82f61a\"";
  if (kind == "constant") return " style=\"rounded,dashed\"";
  return "";
}

// A cell of a box. With numbers in it: those of a vector or a matrix stand between two lines.
std::string cell(const std::string& text, const char* attributes = "") {
  return fmt::format("<TD ALIGN=\"LEFT\"{}>{}</TD>", attributes, text);
}
std::string matrix(const Array& a, const char* tint) {
  std::string rows;
  for (const std::string& row : grid(a)) {
    // A browser would drop a space in front and join two of them.
    for (const char c : row) rows += c == ' ' ? std::string("&#160;") : std::string(1, c);
    rows += "<BR ALIGN=\"LEFT\"/>";
  }
  const std::string sides = a.rank() == 0 ? "" : " BORDER=\"1\" SIDES=\"LR\"";
  return cell("<FONT FACE=\"Courier\" POINT-SIZE=\"12\">" + rows + "</FONT>",
              (" CELLPADDING=\"3\"" + sides + tint).c_str());
}

// Another line of a tooltip.
std::string range(const char* what, const Array& a) {
  if (a.is_empty_handle() || a.numel() < 2) return "";
  const std::vector<double> x = a.to_vector();
  const auto [least, most] = std::minmax_element(x.begin(), x.end());
  return fmt::format("\\n{} from {} to {}", what, number(*least), number(*most));
}

}  // namespace

// ---- watching -----------------------------------------------------------------------------------

GraphTrace::GraphTrace() = default;
GraphTrace::~GraphTrace() = default;

size_t GraphTrace::add(const char* op, const Tensor& tensor, std::vector<size_t> inputs) {
  Seen seen;
  seen.op = op;
  seen.array = tensor.value();
  seen.version = seen.array.storage().version();
  if (const NodePtr& node = tensor.node(); node != nullptr) {
    seen.node = node->id;
    if (node->is_leaf()) seen.leaf = node;
    with_node_[node->id] = seen_.size();
  }
  seen.inputs = std::move(inputs);
  seen.value = copy_of_small(seen.array);
  in_storage_[&seen.array.storage()].push_back(seen_.size());
  seen_.push_back(std::move(seen));
  return seen_.size() - 1;
}

size_t GraphTrace::find_or_add(const Tensor& tensor) {
  const Node* node = tensor.node().get();
  if (node != nullptr && !node->is_leaf())  // a result: there is one value to a node
    if (const auto at = with_node_.find(node->id); at != with_node_.end()) return at->second;

  const std::vector<size_t>& here = in_storage_[&tensor.value().storage()];
  const auto latest = [&](auto&& is_it) {
    const auto at = std::find_if(here.rbegin(), here.rend(), [&](size_t i) {
      return seen_[i].version == tensor.value().storage().version() &&
             same_place(seen_[i].array, tensor.value()) && is_it(seen_[i]);
    });
    return at == here.rend() ? seen_.size() : *at;
  };
  const uint64_t id = node == nullptr ? 0 : node->id;
  const size_t same = latest([&](const Seen& seen) { return seen.node == id; });
  if (same < seen_.size()) return same;
  if (node != nullptr) return add(node->is_leaf() ? "parameter" : node->op, tensor, {});
  const size_t origin = latest([](const Seen& seen) { return seen.node != 0; });
  if (origin < seen_.size()) return add("detach", tensor, {origin});
  return add("constant", tensor, {});
}

void GraphTrace::on_record(const char* op, const Tensor& result, std::span<const Tensor> inputs) {
  std::vector<size_t> places;
  for (const Tensor& input : inputs)
    if (!input.is_empty_handle()) places.push_back(find_or_add(input));  // a bias may be missing
  add(op, result, std::move(places));
}

void GraphTrace::on_backward(const Node& node, const Array& gradient) {
  if (const auto at = with_node_.find(node.id); at != with_node_.end())
    seen_[at->second].gradient = copy_of_small(gradient);
}

void GraphTrace::name(const Tensor& tensor, std::string name) {
  bool found = false;
  for (size_t i = seen_.size(); i-- > 0;) {
    Seen& seen = seen_[i];
    if (tensor.node() != nullptr ? seen.node == tensor.node()->id
                                 : seen.node == 0 && same_place(seen.array, tensor.value())) {
      seen.name = name;
      found = true;
      if (tensor.node() == nullptr) break;  // a parameter that was written to is there again
    }
  }
  check(found, "graph: \"{}\", {} {}, was neither computed nor used while the graph was watched",
        name, dtype_name(tensor.value()), tensor.shape());
}

// ---- drawing ------------------------------------------------------------------------------------

// How the text refers to a node: by its name, the value of a number, or its number in the table.
std::string GraphTrace::called(size_t i) const {
  const Seen& seen = seen_[i];
  if (!seen.name.empty()) return seen.name;
  if (seen.is_plain_number()) return number_texts(seen.value)[0];
  return fmt::format("#{}", i + 1);
}

std::string GraphTrace::label(const Seen& seen, int64_t small) const {
  if (seen.is_plain_number())
    return fmt::format("\"{}\" shape=plaintext width=0 height=0", number_texts(seen.value)[0]);
  const Array gradient = seen.gradient_now();
  const bool both = is_shown(seen.value, small) && is_shown(gradient, small);
  const bool narrow = seen.array.rank() == 0 || seen.array.size(-1) == 1;
  const char* across = both && narrow ? " COLSPAN=\"2\"" : "";  // value and gradient side by side
  const auto faint = [](const std::string& text) { return fmt::format(caption, text); };
  const std::string shape = seen.array.shape().to_string();
  std::vector<std::string> rows = {
      cell(seen.name.empty() ? as_text(seen.op) : "<B>" + as_text(seen.name) + "</B>", across),
      cell(faint(seen.name.empty() ? shape : as_text(seen.op) + " " + shape), across)};
  if (both && narrow) {
    rows.push_back(cell(faint("value")) + cell(faint("gradient")));
    rows.push_back(matrix(seen.value, "") + matrix(gradient, gradient_tint));
  } else if (is_shown(seen.value, small)) {
    rows.push_back(matrix(seen.value, ""));
    if (both) rows.push_back(cell(faint("gradient")));
    if (both) rows.push_back(matrix(gradient, gradient_tint));
  }
  return fmt::format(
      "<<TABLE BORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"1\"><TR>{}</TR></TABLE>>",
      fmt::join(rows, "</TR><TR>"));
}

// How it was computed, and what the box has no room for.
std::string GraphTrace::tooltip(const Seen& seen, size_t i) const {
  std::string text = called(i) + " = " + seen.op;
  for (size_t input = 0; input < seen.inputs.size(); ++input)
    text += (input == 0 ? "(" : ", ") + called(seen.inputs[input]);
  if (!seen.inputs.empty()) text += ")";
  text = as_text(text);
  text += fmt::format("\\n{} {}", dtype_name(seen.array), seen.array.shape());
  text += range("values", seen.value) + range("gradient", seen.gradient_now());
  return text;
}

std::string GraphTrace::dot(int64_t small) const {
  // Operands stand in their order; nslimit ends the search for the last bit of straightness, which
  // takes minutes where one weight is used in thirty places.
  std::string text =
      "digraph {\n"
      "  bgcolor=transparent ordering=in nodesep=0.3 ranksep=0.35 nslimit=2\n"
      "  node [shape=box style=rounded fontname=Helvetica fontsize=13 margin=\"0.08,0.05\"]\n"
      "  edge [arrowsize=0.7]\n";
  for (size_t i = 0; i < seen_.size(); ++i) {
    const Seen& seen = seen_[i];
    const std::string_view kind = seen.kind();
    text += fmt::format("  n{} [class={} tooltip=\"{}\"{} label={}]\n", i + 1, kind,
                        tooltip(seen, i), style_of(kind), label(seen, small));
    for (const size_t input : seen.inputs)
      text += fmt::format("  n{} -> n{}{}\n", input + 1, i + 1,
                          seen.node != 0 && seen_[input].node != 0 ? "" : no_gradient);
  }
  return text + "}\n";
}

std::string GraphTrace::svg(int64_t small) const { return draw_dot(dot(small)); }

namespace {

// Two spaces before each column.
int width_of(const TableRows& rows) {
  std::vector<int> widths(rows[0].size());
  for (const auto& row : rows)
    for (size_t column = 0; column < row.size(); ++column)
      widths[column] = std::max(widths[column], 2 + columns_of(printable(row[column])));
  return std::accumulate(widths.begin(), widths.end(), 0);
}

}  // namespace

TableRows GraphTrace::table(int64_t small, int columns) const {
  TableRows rows = {{"#", "name", "op", "inputs", "shape", "value", "gradient"}};
  const auto shown = [&](const Array& a) { return is_shown(a, small) ? one_line(a) : ""; };
  for (const Seen& seen : seen_) {
    std::string inputs;
    for (const size_t input : seen.inputs)
      inputs += fmt::format("{}{}", inputs.empty() ? "" : " ", input + 1);
    rows.push_back({fmt::format("{}", rows.size()), seen.name, seen.op, inputs,
                    seen.array.shape().to_string(), shown(seen.value), shown(seen.gradient_now())});
  }
  if (width_of(rows) <= columns) return rows;

  TableRows narrow;
  for (auto& row : rows) {
    const std::string gradient = std::move(row.back());
    row.pop_back();
    narrow.push_back(std::move(row));
    if (narrow.size() > 1 && !gradient.empty())
      narrow.push_back({"", "", "", "", "gradient", gradient});
  }
  return narrow;
}

}  // namespace gradus::viz
