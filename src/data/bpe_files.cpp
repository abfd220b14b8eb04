#include <fmt/format.h>

#include <unordered_map>
#include <unordered_set>

#include "data/byte_names.h"
#include "data/utf8.h"
#include "gradus/data/bpe.h"
#include "gradus/io/file.h"
#include "io/json.h"
#include "io/shown.h"
#include "out_of_memory.h"

namespace gradus::data {
namespace {

using io::shown;

constexpr uint64_t max_bytes = uint64_t{64} << 20;  // of a file; GPT-2's have one and a half

// The characters of a token's name become its bytes. A name with a character that stands for no
// byte is that of a special token and stands for itself, as with Hugging Face.
class Spelling {
 public:
  Spelling() : names_(byte_names()), bytes_(names_.size() + 68, -1) {
    for (size_t byte = 0; byte < names_.size(); ++byte)
      bytes_[names_[byte]] = static_cast<int>(byte);
  }

  std::string bytes_of(std::string_view name) const {
    std::string bytes;
    for (size_t i = 0; i < name.size();) {
      const Character character = character_at(name, i);
      i += character.length;
      if (character.code >= bytes_.size() || bytes_[character.code] < 0) return std::string(name);
      bytes += static_cast<char>(bytes_[character.code]);
    }
    return bytes;
  }

  std::string name_of(std::string_view bytes) const {
    std::string name;
    for (const char byte : bytes) append(name, names_[static_cast<uint8_t>(byte)]);
    return name;
  }

 private:
  std::array<char32_t, 256> names_;
  std::vector<int> bytes_;  // by character; -1 where there is none
};

const Spelling& spelling() {
  static const Spelling spelling;
  return spelling;
}

class VocabularyReader final : public io::JsonReader {
 public:
  std::vector<std::pair<std::string, uint64_t>> entries;  // in the order of the file

  bool start_object(size_t size) override {
    if (is_open_) return JsonReader::start_object(size);
    is_open_ = true;
    return true;
  }
  bool key(std::string& key) override {
    check(entries.size() < BPETokenizer::max_size, "more than {} tokens", BPETokenizer::max_size);
    check(!key.empty(), "a token is empty");
    entries.emplace_back(key, 0);
    return true;
  }
  bool number_unsigned(uint64_t value) override {
    if (!is_open_) return JsonReader::number_unsigned(value);
    entries.back().second = value;
    return true;
  }

 private:
  std::string_view not_json() const override { return "not JSON in UTF-8 at byte"; }
  std::string rule() const override {
    if (!is_open_) return "must hold an object of tokens and ids";
    return fmt::format("the id of {} must be a whole number from 0", shown(entries.back().first));
  }
  bool is_open_ = false;
};

// Tokens by id: their names in the file.
std::vector<std::string> read_vocabulary(std::string_view text) {
  check(text.size() <= max_bytes, "{} bytes, at most {} are read", text.size(), max_bytes);
  VocabularyReader reader;
  reader.read(text);

  std::vector<std::string> names(reader.entries.size());
  for (auto& [name, id] : reader.entries) {
    if (id >= names.size())
      fail("{} has the id {}, but there are {} tokens: an id is left out", shown(name), id,
           names.size());
    if (!names[id].empty()) fail("{} and {} have the id {}", shown(names[id]), shown(name), id);
    names[id] = std::move(name);
  }
  return names;
}

// The bytes of each token.
std::vector<std::string> tokens_of(const std::vector<std::string>& names) {
  std::vector<std::string> tokens;
  std::unordered_set<std::string_view> seen;
  tokens.reserve(names.size());  // so that what `seen` looks at stays where it is
  for (const std::string& name : names) {
    tokens.push_back(spelling().bytes_of(name));
    if (!seen.insert(tokens.back()).second)
      fail("{} stands for the bytes of another token", shown(name));
  }
  return tokens;
}

// Calls f(line, number) for each line.
template <class F>
void for_each_line(std::string_view text, F&& f) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    f(line, number);
  }
}

// The ids of the tokens that each line merges, and of the token that they become.
std::vector<std::array<uint32_t, 3>> read_merges(std::string_view text,
                                                 const std::vector<std::string>& names) {
  check(text.size() <= max_bytes, "{} bytes, at most {} are read", text.size(), max_bytes);
  std::unordered_map<std::string_view, uint32_t> ids;
  for (size_t id = 0; id < names.size(); ++id) ids.emplace(names[id], static_cast<uint32_t>(id));
  std::vector<std::array<uint32_t, 3>> merges;
  for_each_line(text, [&](std::string_view line, size_t number) {
    if (number == 1 && line.starts_with("#version")) return;
    const size_t space = line.find(' ');
    const bool is_merge = space != 0 && space != line.npos && space + 1 < line.size() &&
                          line.find(' ', space + 1) == line.npos;
    if (!is_merge)
      fail("line {} is {}; a merge is two tokens with a space between them", number, shown(line));
    check(std::ssize(merges) < BPETokenizer::max_size, "more than {} merges",
          BPETokenizer::max_size);
    const auto id_of = [&](std::string_view name) {
      const auto entry = ids.find(name);
      if (entry == ids.end()) fail("line {}: the vocabulary has no {}", number, shown(name));
      return entry->second;
    };
    const std::string_view left = line.substr(0, space), right = line.substr(space + 1);
    merges.push_back({id_of(left), id_of(right), id_of(std::string(left).append(right))});
  });
  return merges;
}

}  // namespace

BPETokenizer BPETokenizer::read(std::string_view vocabulary, const std::string& vocabulary_name,
                                std::string_view merges_text, const std::string& merges_name) {
  const auto naming_in = [](const std::string& name, auto&& f) { return naming(f, "{}", name); };
  const auto names = naming_in(vocabulary_name, [&] { return read_vocabulary(vocabulary); });
  const auto lines = naming_in(merges_name, [&] { return read_merges(merges_text, names); });
  std::vector<std::string> tokens = naming_in(vocabulary_name, [&] { return tokens_of(names); });
  std::vector<Merge> merges;
  naming_in(merges_name, [&] {
    for (const auto& [left, right, result] : lines) {
      if (tokens[left] + tokens[right] != tokens[result])
        fail("{} and {} do not make the bytes of {}", shown(names[left]), shown(names[right]),
             shown(names[result]));
      merges.push_back({left, right, result});
    }
  });
  return naming_in(vocabulary_name,
                   [&] { return BPETokenizer(std::move(tokens), std::move(merges)); });
}

BPETokenizer BPETokenizer::load(const std::filesystem::path& vocabulary,
                                const std::filesystem::path& merges) {
  const std::string first = io::read_file(vocabulary, max_bytes);
  const std::string second = io::read_file(merges, max_bytes);
  const auto read_both = [&] {
    return read(first, "load_bpe: " + vocabulary.string(), second, "load_bpe: " + merges.string());
  };
  return with_memory(read_both, "load_bpe: {}", vocabulary.native());
}

BPETokenizer BPETokenizer::parse(std::string_view vocabulary_json, std::string_view merges_txt) {
  return read(vocabulary_json, "vocab.json", merges_txt, "merges.txt");
}

// How a token is written: byte by byte; a special token as itself if it is read back as that.
std::string BPETokenizer::file_name(Id id) const {
  const std::string& token = tokens_[id];
  const bool is_itself =
      special_token(token).has_value() && is_utf8(token) && spelling().bytes_of(token) == token;
  return is_itself ? token : spelling().name_of(token);
}

std::string BPETokenizer::vocabulary_json() const try {
  std::string text = "{";
  for (Id id = 0; id < tokens_.size(); ++id)
    text += fmt::format("{}{}:{}", id == 0 ? "" : ",",
                        io::json_string("vocabulary_json", file_name(id)), id);
  return text + "}";
} catch (const std::bad_alloc&) {
  fail_out_of_memory("vocabulary_json");
}

std::string BPETokenizer::merges_txt() const try {
  std::string text = "#version: 0.2\n";
  for (const Merge& merge : merges_)
    text += fmt::format("{} {}\n", file_name(merge.left), file_name(merge.right));
  return text;
} catch (const std::bad_alloc&) {
  fail_out_of_memory("merges_txt");
}

void BPETokenizer::save(const std::filesystem::path& vocabulary,
                        const std::filesystem::path& merges) const {
  const std::string first_text = vocabulary_json(), second_text = merges_txt();
  io::OutputFile first(vocabulary), second(merges);
  const auto write = [](io::OutputFile& file, const std::string& text) {
    file.write(text.data(), text.size());
    file.sync();
  };
  write(first, first_text);
  write(second, second_text);
  first.commit();
  second.commit();
}

}  // namespace gradus::data
