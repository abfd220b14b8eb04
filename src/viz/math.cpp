#include "gradus/viz/math.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "gradus/viz/terminal.h"
#include "viz/formula.h"
#include "viz/text.h"

namespace gradus::viz {
namespace {

using Kind = Formula::Kind;

// Names that stand for a character.
struct Symbol {
  std::string_view name;
  const char* character;
  bool is_operator;
};
constexpr Symbol symbols[] = {
    {"alpha", "α", false},   {"beta", "β", false},  {"gamma", "γ", false},   {"delta", "δ", false},
    {"epsilon", "ε", false}, {"zeta", "ζ", false},  {"eta", "η", false},     {"theta", "θ", false},
    {"iota", "ι", false},    {"kappa", "κ", false}, {"lambda", "λ", false},  {"mu", "μ", false},
    {"nu", "ν", false},      {"xi", "ξ", false},    {"pi", "π", false},      {"rho", "ρ", false},
    {"sigma", "σ", false},   {"tau", "τ", false},   {"upsilon", "υ", false}, {"phi", "φ", false},
    {"chi", "χ", false},     {"psi", "ψ", false},   {"omega", "ω", false},   {"Gamma", "Γ", false},
    {"Delta", "Δ", false},   {"Theta", "Θ", false}, {"Lambda", "Λ", false},  {"Xi", "Ξ", false},
    {"Pi", "Π", false},      {"Sigma", "Σ", false}, {"Phi", "Φ", false},     {"Psi", "Ψ", false},
    {"Omega", "Ω", false},   {"infty", "∞", false}, {"partial", "∂", false}, {"nabla", "∇", false},
    {"RR", "ℝ", false},      {"sum", "∑", true},    {"prod", "∏", true},     {"dot", "·", true},
    {"odot", "⊙", true},     {"otimes", "⊗", true}, {"oplus", "⊕", true},    {"times", "×", true},
    {"in", "∈", true},       {"prop", "∝", true},   {"forall", "∀", true},   {"<=", "≤", true},
    {">=", "≥", true},       {"!=", "≠", true},     {"->", "→", true},       {"<-", "←", true},
    {"=>", "⇒", true},       {"~~", "≈", true},     {"||", "‖", true},       {"+-", "±", true},
    {"<<", "≪", true},       {">>", "≫", true},     {"...", "…", true},      {"*", "·", true},
    {"'", "′", true},        {"~", "∼", true},
};

const Symbol* symbol(const Formula& piece) {
  if (piece.kind != Kind::word && piece.kind != Kind::op) return nullptr;
  const auto* found = std::find_if(std::begin(symbols), std::end(symbols),
                                   [&](const Symbol& s) { return s.name == piece.text; });
  return found == std::end(symbols) ? nullptr : found;
}

bool is_operator(const Formula& piece) {
  const Symbol* known = symbol(piece);
  return piece.kind == Kind::op || (known != nullptr && known->is_operator);
}

// Its limits stand above and below it.
bool takes_limits(const Formula& piece) {
  static constexpr std::string_view names[] = {"sum", "prod", "max", "min", "argmax", "argmin"};
  return piece.kind == Kind::word &&
         std::find(std::begin(names), std::end(names), piece.text) != std::end(names);
}

const char* mark(std::string_view accent, bool combining) {
  if (accent == "hat") return combining ? "\u0302" : "^";
  if (accent == "tilde") return combining ? "\u0303" : "~";
  return combining ? "\u0304" : "\u00af";
}

char closing(std::string_view open) { return open == "(" ? ')' : ']'; }

// ---- a line of text ----

// Raised characters; empty if one of the text's characters has no raised form.
std::string raised(std::string_view text) {
  static constexpr std::string_view plain = "0123456789+-()Tabcdefghijklmnoprstuvwxyz";
  static constexpr std::string_view above = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵀᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ";
  std::string result;
  for (const char c : text) {
    const size_t place = plain.find(c);
    if (place == plain.npos) return "";
    const std::string_view before = cut_to(above, static_cast<int>(place));
    result += cut_to(above.substr(before.size()), 1);
  }
  return result;
}

// The same for digits, below the line.
std::string lowered(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c < '0' || c > '9') return "";
    result += fmt::format("\xe2\x82{}", static_cast<char>('\x80' + (c - '0')));
  }
  return result;
}

class Text {
 public:
  explicit Text(bool unicode) : unicode_(unicode) {}

  std::string of(const Formula& f) const {
    switch (f.kind) {
      case Kind::row: return joined(f.parts);
      case Kind::word:
      case Kind::op: {
        const Symbol* known = unicode_ ? symbol(f) : nullptr;
        return known == nullptr ? f.text : f.text == "sum" ? "Σ" : known->character;
      }
      case Kind::number:
      case Kind::text: return f.text;
      case Kind::fence: return f.text + joined(f.parts) + closing(f.text);
      case Kind::root:
        if (!unicode_) return "sqrt(" + of(f.parts[0]) + ")";
        return "√" + (is_simple(f.parts[0]) ? of(f.parts[0]) : "(" + of(f.parts[0]) + ")");
      case Kind::fraction: return operand(f.parts[0]) + "/" + operand(f.parts[1]);
      case Kind::accent:
        if (const std::string inside = of(f.parts[0]); unicode_ && columns_of(inside) == 1)
          return inside + mark(f.text, true);
        return f.text + "(" + of(f.parts[0]) + ")";
      case Kind::scripts: return of(f.parts[0]) + below(f.parts[1]) + above(f);
    }
    return "";
  }

 private:
  std::string joined(const std::vector<Formula>& parts) const {
    std::string text;
    for (size_t i = 0; i < parts.size(); ++i)
      text += (parts[i].spaced && !(i > 0 && is_partial(parts[i - 1])) ? " " : "") + of(parts[i]);
    return text;
  }
  // Stands close to what it belongs to: ∂L.
  bool is_partial(const Formula& f) const { return unicode_ && f.text == "partial"; }
  // Binds as tightly as one letter.
  static bool is_simple(const Formula& f) {
    if (f.kind == Kind::row) return f.parts.size() == 1 && is_simple(f.parts[0]);
    return f.kind != Kind::fraction && f.kind != Kind::op;
  }
  // softmax(x) and ∂L as well.
  bool is_call(const Formula& f) const {
    if (f.kind != Kind::row || f.parts.size() != 2 || f.parts[0].kind != Kind::word) return false;
    return (f.parts[1].kind == Kind::fence && !f.parts[1].spaced) || is_partial(f.parts[0]);
  }
  // Needs no group as a script.
  static bool is_alone(const Formula& f) {
    if (f.kind == Kind::row) return f.parts.size() == 1 && is_alone(f.parts[0]);
    return f.kind != Kind::scripts && f.kind != Kind::fraction;
  }
  std::string operand(const Formula& f) const {
    return is_simple(f) || is_call(f) ? of(f) : "(" + of(f) + ")";
  }
  std::string below(const Formula& row) const {
    if (row.parts.empty()) return "";
    const std::string text = of(row);
    if (const std::string low = unicode_ ? lowered(text) : ""; !low.empty()) return low;
    return is_alone(row) ? "_" + text : "_{" + text + "}";
  }
  std::string above(const Formula& scripts) const {
    Formula row = scripts.parts[2];
    std::string text;
    while (!row.parts.empty() && row.parts[0].text == "'") {
      text += of(row.parts[0]);
      row.parts.erase(row.parts.begin());
    }
    if (row.parts.empty()) return text;
    const std::string script = of(row);
    if (const std::string high = unicode_ ? raised(script) : "";
        !high.empty() && !takes_limits(scripts.parts[0]))
      return text + high;
    return text + (is_alone(row) ? "^" + script : "^(" + script + ")");
  }

  bool unicode_;
};

// ---- MathML ----

// Words that a space keeps apart from what follows: "log p", "x if".
bool is_wordy(const Formula& f) {
  if (f.kind == Kind::scripts) return is_wordy(f.parts[0]);
  return f.kind == Kind::text ||
         (f.kind == Kind::word && symbol(f) == nullptr && columns_of(f.text) > 1);
}

std::string mathml(const Formula& f);

std::string element(std::string_view tag, const std::string& content) {
  return fmt::format("<{0}>{1}</{0}>", tag, content);
}

std::string mathml_operator(const Formula& f, bool is_prefix) {
  const Symbol* known = symbol(f);
  const std::string text = f.text == "-" ? "−" : known != nullptr ? known->character : f.text;
  if (f.text == "|" && f.spaced)
    return "<mo lspace=\"0.28em\" rspace=\"0.28em\" stretchy=\"false\">|</mo>";
  if (f.text == "|" || f.text == "||") return "<mo stretchy=\"false\">" + text + "</mo>";
  if (is_prefix && (f.text == "-" || f.text == "+")) return "<mo form=\"prefix\">" + text + "</mo>";
  return element("mo", escaped(text));
}

std::string mathml_row(const std::vector<Formula>& parts) {
  std::string content;
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool operand_before = i > 0 && !is_operator(parts[i - 1]);
    if (parts[i].spaced && operand_before && !is_operator(parts[i]) &&
        (is_wordy(parts[i]) || is_wordy(parts[i - 1])))
      content += "<mspace width=\"0.25em\"/>";
    content +=
        is_operator(parts[i]) ? mathml_operator(parts[i], !operand_before) : mathml(parts[i]);
  }
  return parts.size() == 1 ? content : element("mrow", content);
}

// Two letters below or above are two indices, "ij"; more are a word.
std::string mathml_script(const Formula& row) {
  if (row.parts.size() != 1 || row.parts[0].kind != Kind::word) return mathml(row);
  const std::string& text = row.parts[0].text;
  if (text == "T") return "<mi mathvariant=\"normal\">T</mi>";  // transposed, no variable
  if (text.size() != 2 || symbol(row.parts[0]) != nullptr || columns_of(text) != 2)
    return mathml(row);
  return element("mrow", element("mi", text.substr(0, 1)) + element("mi", text.substr(1)));
}

std::string mathml_scripts(const Formula& f) {
  const bool below = !f.parts[1].parts.empty(), above = !f.parts[2].parts.empty();
  const bool limits = takes_limits(f.parts[0]);
  std::string content = mathml(f.parts[0]);
  if (below) content += mathml_script(f.parts[1]);
  if (above) content += mathml_script(f.parts[2]);
  if (below && above) return element(limits ? "munderover" : "msubsup", content);
  if (below) return element(limits ? "munder" : "msub", content);
  return element(limits ? "mover" : "msup", content);
}

std::string mathml(const Formula& f) {
  switch (f.kind) {
    case Kind::row: return mathml_row(f.parts);
    case Kind::word:
      if (const Symbol* known = symbol(f); known != nullptr)
        return element(known->is_operator ? "mo" : "mi", known->character);
      // dQ, dx: two letters, not a word.
      if (f.text.size() == 2 && f.text[0] == 'd')
        return element("mrow", element("mi", "d") + element("mi", f.text.substr(1)));
      return element("mi", escaped(f.text));
    case Kind::number: return element("mn", f.text);
    case Kind::op: return mathml_operator(f, false);
    case Kind::text: return element("mtext", escaped(f.text));
    case Kind::fence:
      return element("mrow", element("mo", f.text) + mathml_row(f.parts) +
                                 element("mo", std::string(1, closing(f.text))));
    case Kind::root: return element("msqrt", mathml(f.parts[0]));
    case Kind::fraction: return element("mfrac", mathml(f.parts[0]) + mathml(f.parts[1]));
    case Kind::accent:
      return "<mover accent=\"true\">" + mathml(f.parts[0]) + element("mo", mark(f.text, false)) +
             "</mover>";
    case Kind::scripts: return mathml_scripts(f);
  }
  return "";
}

}  // namespace

std::string math_text(std::string_view formula, bool unicode) {
  return Text(unicode).of(parse_formula(formula));
}

std::string math_html(std::string_view formula, bool own_line) {
  const std::string content = mathml(parse_formula(formula));
  return own_line ? "<math display=\"block\">" + content + "</math>\n"
                  : "<math>" + content + "</math>";
}

}  // namespace gradus::viz
