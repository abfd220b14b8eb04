#include "gradus/viz/terminal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace gradus::viz {
namespace {

using Variables = std::map<std::string, const char*>;

Terminal describe(bool is_terminal, int columns, const Variables& variables) {
  return describe_terminal(is_terminal, columns, [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second;
  });
}

TEST(Terminal, ColourAndLiveLinesNeedATerminalThatKnowsThem) {
  const Variables xterm = {{"TERM", "xterm-256color"}};
  EXPECT_TRUE(describe(true, 80, xterm).live);
  EXPECT_TRUE(describe(true, 80, xterm).colour);
  EXPECT_FALSE(describe(false, 80, xterm).live);
  EXPECT_FALSE(describe(false, 80, xterm).colour);
  for (const Variables& variables : {Variables{}, {{"TERM", ""}}, {{"TERM", "dumb"}}}) {
    EXPECT_FALSE(describe(true, 80, variables).live);
    EXPECT_FALSE(describe(true, 80, variables).colour);
  }
  const Terminal plain = describe(true, 80, {{"TERM", "xterm"}, {"NO_COLOR", "1"}});
  EXPECT_TRUE(plain.live);
  EXPECT_FALSE(plain.colour);
  EXPECT_TRUE(describe(true, 80, {{"TERM", "xterm"}, {"NO_COLOR", ""}}).colour);
}

TEST(Terminal, TheLocaleSaysWhetherUnicodeIsUnderstood) {
  const auto unicode = [](const Variables& variables) {
    return describe(false, 80, variables).unicode;
  };
  EXPECT_FALSE(unicode({}));
  EXPECT_FALSE(unicode({{"LANG", "C"}}));
  EXPECT_FALSE(unicode({{"LANG", "de_DE.ISO-8859-1"}}));
  for (const char* locale : {"en_US.UTF-8", "C.UTF-8", "de_DE.utf8"})
    EXPECT_TRUE(unicode({{"LANG", locale}}));
  EXPECT_FALSE(unicode({{"LC_ALL", "C"}, {"LC_CTYPE", "C.UTF-8"}, {"LANG", "C.UTF-8"}}));
  EXPECT_TRUE(unicode({{"LC_ALL", ""}, {"LC_CTYPE", "C.UTF-8"}, {"LANG", "C"}}));
}

TEST(Terminal, TheWidthIsAskedForThenReadThenAssumed) {
  EXPECT_EQ(describe(true, 132, {{"COLUMNS", "90"}}).width, 132);
  EXPECT_EQ(describe(true, 0, {{"COLUMNS", "90"}}).width, 90);
  EXPECT_EQ(describe(true, 0, {{"COLUMNS", "wide"}}).width, 80);
  EXPECT_EQ(describe(false, 0, {}).width, 80);
  EXPECT_EQ(describe(true, 3, {}).width, 20);
  EXPECT_EQ(describe(true, 100000, {}).width, 1000);
}

TEST(Terminal, TextIsMeasuredInCharacters) {
  EXPECT_EQ(columns_of(""), 0);
  EXPECT_EQ(columns_of("caf\u00e9 \u2800"), 6);
  EXPECT_EQ(cut_to("caf\u00e9 \u2800!", 4), "caf\u00e9");
  EXPECT_EQ(cut_to("caf\u00e9 \u2800!", 6), "caf\u00e9 \u2800");
  EXPECT_EQ(cut_to("caf\u00e9", 9), "caf\u00e9");
  EXPECT_EQ(cut_to("caf\u00e9", 0), "");
}

TEST(Terminal, CountsAreShort) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(7), "7");
  EXPECT_EQ(format_count(1.52), "1.5");
  EXPECT_EQ(format_count(9.96), "10");
  EXPECT_EQ(format_count(42.4), "42");
  EXPECT_EQ(format_count(999.4), "999");
  EXPECT_EQ(format_count(999.5), "1.0 k");
  EXPECT_EQ(format_count(1000), "1.0 k");
  EXPECT_EQ(format_count(36412), "36 k");
  EXPECT_EQ(format_count(999499), "999 k");
  EXPECT_EQ(format_count(999500), "1.0 M");
  EXPECT_EQ(format_count(1234567), "1.2 M");
  EXPECT_EQ(format_count(124e6), "124 M");
  EXPECT_EQ(format_count(1.2e10), "12 G");
  EXPECT_EQ(format_count(-36412), "-36 k");
  EXPECT_EQ(format_count(4e21), "4000 E");
  EXPECT_EQ(format_count(NAN), "nan");
}

TEST(Terminal, TimesReadLikeAClock) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(21.4), "0:21");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(725), "12:05");
  EXPECT_EQ(format_duration(3599), "59:59");
  EXPECT_EQ(format_duration(3600), "1 h 00 min");
  EXPECT_EQ(format_duration(3720), "1 h 02 min");
  EXPECT_EQ(format_duration(86399), "23 h 59 min");
  EXPECT_EQ(format_duration(3 * 86400 + 4 * 3600), "3 d 04 h");
  for (const double no_time : {-1.0, double{NAN}, double{INFINITY}, 1e13})
    EXPECT_EQ(format_duration(no_time), "?");
}

TEST(Wrapped, BreaksAtSpacesAndKeepsEveryWord) {
  EXPECT_EQ(wrapped("the cat sat on the mat", 7), "the cat\nsat on\nthe mat");
  EXPECT_EQ(wrapped("the cat sat", 80), "the cat sat");
  EXPECT_EQ(wrapped("a\nbb ccc", 4), "a\nbb\nccc");  // a line of its own begins anew
  EXPECT_EQ(wrapped("incomprehensible is", 5), "incomprehensible\nis");
  EXPECT_EQ(wrapped("éé éé", 5), "éé éé");  // columns, not bytes
  EXPECT_EQ(wrapped("  x  ", 3), "  x\n ");
  EXPECT_EQ(wrapped("", 3), "");
}

}  // namespace
}  // namespace gradus::viz
