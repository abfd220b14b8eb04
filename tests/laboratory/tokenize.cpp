// make tokenize: trains a byte pair encoding, shows the pieces of a text, encodes a file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <map>

#include "data/utf8.h"
#include "gradus/data/bpe.h"
#include "gradus/error.h"
#include "gradus/io/file.h"
#include "gradus/viz/progress.h"
#include "gradus/viz/table.h"
#include "gradus/viz/terminal.h"

namespace gradus::test {
namespace {

using data::BPETokenizer;

struct Wish {
  std::string vocabulary = "vocab.json", merges = "merges.txt";
  std::string text_file, text, ids_file;
  int64_t size = 1024;
  std::vector<std::string> special_tokens;
  bool with_special_tokens = false;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A token in quotes. What is no character, or cannot be seen, is shown by its bytes.
std::string shown(std::string_view token) {
  std::string text;
  for (size_t i = 0; i < token.size();) {
    const data::Character character = data::character_at(token, i);
    const bool is_seen = character.is_valid && character.code >= ' ' &&
                         (character.code < 0x7f || character.code > 0xa0);
    const std::string_view bytes = token.substr(i, character.length);
    if (is_seen)
      text += bytes;
    else
      for (const char byte : bytes) text += fmt::format("<{:02x}>", static_cast<uint8_t>(byte));
    i += character.length;
  }
  return '"' + text + '"';
}

int train(const Wish& wish) {
  const std::string text = io::read_file(wish.text_file);
  const double begin = seconds();
  viz::Progress progress;
  data::BPETraining training{.special_tokens = wish.special_tokens};
  training.progress = [&](double done) {
    if (seconds() - begin > 2) progress.update(done, "learning merges");
  };
  const BPETokenizer tokenizer = BPETokenizer::train(text, wish.size, training);
  fmt::print("{} tokens learned from {} bytes in {:.2f} s\n", tokenizer.size(), text.size(),
             seconds() - begin);
  tokenizer.save(wish.vocabulary, wish.merges);
  return 0;
}

int show(const Wish& wish) {
  const BPETokenizer tokenizer = BPETokenizer::load(wish.vocabulary, wish.merges);
  std::map<std::string, std::string> made_of;
  for (const auto& [left, right] : tokenizer.merges()) {
    const std::string_view a = tokenizer.token(left), b = tokenizer.token(right);
    made_of[std::string(a).append(b)] = shown(a) + " + " + shown(b);
  }
  viz::TableRows rows = {{"id", "token", "made of"}};
  const std::vector<int64_t> ids = wish.with_special_tokens
                                       ? tokenizer.encode_with_special_tokens(wish.text)
                                       : tokenizer.encode(wish.text);
  for (const int64_t id : ids) {
    const std::string token(tokenizer.token(id));
    std::string origin = token.size() == 1 ? "a byte" : made_of[token];
    if (tokenizer.special_token(token)) origin = "special";
    rows.push_back({fmt::format("{}", id), shown(token), origin});
  }
  fmt::print("{}\n{} bytes, {} words, {} tokens of {}.\n",
             viz::table(rows, viz::Terminal::standard_output().unicode), wish.text.size(),
             data::words_of(wish.text).size(), ids.size(), tokenizer.size());
  return 0;
}

int encode(const Wish& wish) {
  const BPETokenizer tokenizer = BPETokenizer::load(wish.vocabulary, wish.merges);
  const std::string text = io::read_file(wish.text_file);
  double best = INFINITY;
  std::vector<int64_t> ids;
  for (int i = 0; i < 3; ++i) {
    const double begin = seconds();
    ids = wish.with_special_tokens ? tokenizer.encode_with_special_tokens(text)
                                   : tokenizer.encode(text);
    best = std::min(best, seconds() - begin);
  }
  check(tokenizer.decode(ids) == text, "the ids are not those of the text");
  fmt::print("{} tokens in {:.3f} s, {:.2f} M/s, the best of three\n", ids.size(), best,
             static_cast<double>(ids.size()) / best / 1e6);
  if (wish.ids_file.empty()) return 0;
  std::string lines;
  for (const int64_t id : ids) lines += fmt::format("{}\n", id);
  io::write_file(wish.ids_file, lines);
  return 0;
}

}  // namespace
}  // namespace gradus::test

int main(int argc, char** argv) try {
  using namespace gradus::test;
  CLI::App app("Byte-level byte pair encoding: learned, shown, used.");
  Wish wish;
  app.add_option("--vocabulary", wish.vocabulary, "tokens and their ids")->capture_default_str();
  app.add_option("--merges", wish.merges, "which pairs become tokens")->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();
  CLI::App* const learn = app.add_subcommand("train", "learn from a file, write the two files");
  CLI::App* const look = app.add_subcommand("show", "show the tokens of a text");
  CLI::App* const use = app.add_subcommand("encode", "encode a file and say how fast that was");
  learn->add_option("file", wish.text_file, "a text")->required();
  learn->add_option("--size", wish.size, "how many tokens there shall be")->capture_default_str();
  learn->add_option("--special", wish.special_tokens, "a special token; may be repeated");
  look->add_option("text", wish.text, "the text itself, in quotes")->required();
  use->add_option("file", wish.text_file, "a text")->required();
  use->add_option("--ids", wish.ids_file, "write the ids to this file, one a line");
  for (CLI::App* command : {look, use})
    command->add_flag("--special", wish.with_special_tokens,
                      "names of special tokens in the text become those");
  app.footer("Reads GPT-2's vocab.json and merges.txt too. Exits with 0, or 2 after an error.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return *learn ? train(wish) : *look ? show(wish) : encode(wish);
} catch (const std::exception& error) {
  fmt::print(stderr, "tokenize: {}\n", error.what());
  return 2;
}
