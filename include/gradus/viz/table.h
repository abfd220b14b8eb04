/// \file
/// Aligned tables.
#pragma once

#include <string>
#include <vector>

namespace gradus::viz {

/// Rows of cells; the first row is the header. Rows may differ in length: what is missing is empty.
using TableRows = std::vector<std::vector<std::string>>;

/// Columns two spaces apart, a thin line under the header (of "-" where `unicode` is false), each
/// line indented by two. A column of numbers ("-0.25", "3e-10", "12:05", "85 %", "1.5 ms") goes to
/// the right, any other to the left; cells that are empty or "-" do not decide it.
std::string table(const TableRows& rows, bool unicode = true);

/// The same as an HTML table; the text is escaped. Cells of a column of numbers have the class
/// "number".
std::string table_html(const TableRows& rows);

}  // namespace gradus::viz
