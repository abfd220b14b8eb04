/// \file
/// Aligned tables.
#pragma once

#include <string>
#include <vector>

namespace gradus::viz {

/// Rows of cells; the first row is the header. Rows may differ in length: what is missing is empty.
using TableRows = std::vector<std::vector<std::string>>;

/// Columns two spaces apart, numbers to the right, words to the left, a thin line under the header
/// (of "-" where `unicode` is false), each line indented by two.
std::string table(const TableRows& rows, bool unicode = true);

/// The same as an HTML table; the text is escaped.
std::string table_html(const TableRows& rows);

}  // namespace gradus::viz
