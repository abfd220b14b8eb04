#include "viz/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace gradus::viz {

std::string number(double x) {
  if (x == 0) return "0";  // -0 as well
  if (!std::isfinite(x)) return fmt::format("{}", x);
  const double size = std::abs(x);
  const bool plain = size >= 1e-3 && size < 1e6;
  const int decimals = std::max(0, 2 - static_cast<int>(std::floor(std::log10(size))));
  std::string text = plain ? fmt::format("{:.{}f}", x, decimals) : fmt::format("{:.2e}", x);
  std::string exponent;
  if (!plain) {  // 1.20e-05 is 1.2e-5
    const size_t e = text.find('e');
    exponent = fmt::format("e{}", std::stoi(text.substr(e + 1)));
    text.resize(e);
  }
  if (text.find('.') != text.npos) {
    text.resize(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text + exponent;
}

std::vector<std::string> number_texts(const Array& a) {
  std::vector<std::string> texts;
  for (const double x : a.to_vector())
    texts.push_back(a.dtype() == DType::int64 ? fmt::format("{:.0f}", x) : number(x));
  return texts;
}

std::vector<std::string> grid(const Array& a) {
  std::vector<std::string> texts = number_texts(a);
  const size_t columns = a.rank() == 0 ? 1 : static_cast<size_t>(a.size(-1));
  const size_t height = a.rank() < 2 ? 1 : static_cast<size_t>(a.size(-2));
  for (size_t column = 0; column < columns; ++column) {
    size_t behind = 0, width = 0;  // behind: from the point, or the exponent, on
    const auto each = [&](auto&& change) {
      for (size_t i = column; i < texts.size(); i += columns) change(texts[i]);
    };
    const auto from_point = [](const std::string& text) {
      return text.size() - std::min(text.find_first_of(".e"), text.size());
    };
    each([&](std::string& text) { behind = std::max(behind, from_point(text)); });
    each([&](std::string& text) {
      if (std::isdigit(static_cast<unsigned char>(text.back())))  // not inf
        text.append(behind - from_point(text), ' ');
      width = std::max(width, text.size());
    });
    each([&](std::string& text) {
      text.insert(0, width - text.size() + (column > 0 ? 2 : 0), ' ');
    });
  }
  std::vector<std::string> rows;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0 && i % (columns * height) == 0) rows.emplace_back();
    if (i % columns == 0) rows.emplace_back();
    rows.back() += texts[i];
  }
  return rows;
}

std::string one_line(const Array& a) {
  const std::vector<std::string> texts = number_texts(a);
  const size_t columns = a.rank() == 0 ? 1 : static_cast<size_t>(a.size(-1));
  std::string line;
  for (size_t i = 0; i < texts.size(); ++i)
    line += (i == 0 ? "" : i % columns == 0 ? " / " : " ") + texts[i];
  return line;
}

}  // namespace gradus::viz
