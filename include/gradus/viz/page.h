/// \file
/// One HTML file that holds everything it shows: no network, no second file, readable on a phone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradus::viz {

/// A page that grows from top to bottom. Its look, light and dark, is inside it.
class Page {
 public:
  /// Both are shown at the top; the title also names the window.
  Page(std::string title, std::string subtitle);

  /// A heading, with a link in the list of contents.
  void heading(std::string_view text);
  /// A paragraph, or several with blank lines between them. `code` between backticks, $formula$ in
  /// the notation of math.h, and *emphasis* are marked; the rest is escaped. So are headings,
  /// titles, captions and boxes.
  void paragraph(std::string_view text);
  /// Text in a fixed-width box, as on the terminal, escaped.
  void preformatted(std::string_view text);
  /// HTML as it is, for the pictures and tables of this room: wide ones scroll inside their frame.
  void html(std::string_view html);
  /// The same as a figure with a caption below it; an empty caption leaves it out.
  void figure(std::string_view html, std::string_view caption);
  /// Two figures side by side where there is room.
  void pair(std::string_view html_a, std::string_view caption_a, std::string_view html_b,
            std::string_view caption_b);
  /// Formulas that belong together, on a line of their own where there is room.
  void formulas(const std::vector<std::string>& formulas);
  /// A remark in a box: `kind` ("question", "passed", "failed", "broken", "note") gives its colour.
  /// The text of a question stays closed until it is asked for.
  /// What passed or failed and has no title is a line with a mark. \throws Error for any other
  /// kind.
  void box(std::string_view kind, std::string_view title, std::string_view text);

  /// The whole file.
  std::string to_string() const;
  /// Writes it under a temporary name and renames it. \throws Error if that fails.
  void write(const std::string& path) const;

 private:
  std::string title_, subtitle_, contents_, body_;
  int headings_ = 0;
};

}  // namespace gradus::viz
