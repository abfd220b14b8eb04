#include "viz/draw_dot.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>
#include <system_error>

#include "gradus/error.h"

extern char** environ;

namespace gradus::viz {
namespace {

// ---- the program --------------------------------------------------------------------------------

// A file without a name, which is gone when it is closed. With files instead of pipes neither side
// ever waits for the other, however large the graph, and no signal comes from a `dot` that died.
class Scratch {
 public:
  Scratch() : file_(std::tmpfile(), &std::fclose) {
    check(file_ != nullptr, "graph: no temporary file can be made: {}",
          std::generic_category().message(errno));
  }
  int descriptor() const { return ::fileno(file_.get()); }
  void write(const std::string& text) {
    const bool done = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
                      std::fflush(file_.get()) == 0;
    check(done, "graph: writing a temporary file: {}", std::generic_category().message(errno));
    std::rewind(file_.get());
  }
  std::string read() {
    std::rewind(file_.get());
    std::string text;
    char piece[1 << 14];
    while (const size_t count = std::fread(piece, 1, sizeof piece, file_.get()))
      text.append(piece, count);
    return text;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

// What `dot -Tsvg` makes of a graph.
std::string output_of_dot(const std::string& graph) {
  Scratch input, output, errors;
  input.write(graph);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, input.descriptor(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, output.descriptor(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, errors.descriptor(), STDERR_FILENO);
  char program[] = "dot", format[] = "-Tsvg";
  char* const arguments[] = {program, format, nullptr};
  pid_t child = 0;
  const int problem = ::posix_spawnp(&child, program, &files, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&files);

  int status = 0;
  if (problem == 0)
    while (::waitpid(child, &status, 0) == -1 && errno == EINTR) {
    }
  // Some systems find out only in the child that there is no such program, and say 127.
  check(problem != ENOENT && !(WIFEXITED(status) && WEXITSTATUS(status) == 127),
        "graph: the picture is drawn by the program `dot`, which is not installed; it is in the "
        "package graphviz (Debian, Ubuntu: sudo apt-get install graphviz)");
  check(problem == 0, "graph: `dot` cannot be started: {}",
        std::generic_category().message(problem));
  const std::string picture = output.read();
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0 && picture.find("</svg>") != picture.npos,
        "graph: `dot` failed ({}): {}",
        WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                            : fmt::format("exit status {}", WEXITSTATUS(status)),
        errors.read().substr(0, 500));
  return picture;
}

// ---- its picture --------------------------------------------------------------------------------

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
}

// The value of an attribute; empty if the tag has none of that name.
std::string attribute(const std::string& tag, const std::string& name) {
  const size_t at = tag.find(" " + name + "=\"");
  if (at == tag.npos) return "";
  const size_t begin = at + name.size() + 3;
  return tag.substr(begin, tag.find('"', begin) - begin);
}
void remove_attribute(std::string& tag, const std::string& name) {
  const size_t at = tag.find(" " + name + "=\"");
  if (at != tag.npos) tag.erase(at, tag.find('"', at + name.size() + 3) + 1 - at);
}

// The outermost tag: as wide as the page allows, but never so narrow that its text cannot be read
// (the frame scrolls instead), nor larger than drawn.
std::string svg_tag(const std::string& tag) {
  const std::string box = attribute(tag, "viewBox");
  const double width = std::stod(attribute(tag, "width"));
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" role=\"img\" "
      "aria-label=\"graph of a computation\" viewBox=\"{}\" fill=\"currentColor\" "
      "style=\"display:block;margin:auto;width:100%;min-width:{:.0f}px;max-width:{:.0f}px;"
      "height:auto\">",
      box, 0.7 * width, width);
}

}  // namespace

std::string draw_dot(const std::string& graph) {
  const std::string drawn = output_of_dot(graph);
  std::string picture;
  size_t at = drawn.find("<svg");
  while (at < drawn.size()) {
    // Text up to the next tag, then the tag. Graphviz escapes < and > everywhere else.
    const size_t open = std::min(drawn.find('<', at), drawn.size());
    picture.append(drawn, at, open - at);
    if (open == drawn.size()) break;
    const auto skip_past = [&](std::string_view end) {
      const size_t found = drawn.find(end, open);
      at = found == drawn.npos ? drawn.size() : found + end.size();
    };
    if (drawn.compare(open, 4, "<!--") == 0) {
      skip_past("-->");
      continue;
    }
    if (drawn.compare(open, 7, "<title>") == 0) {  // "n7": the tooltip comes next, as a link's
      skip_past("</title>");
      continue;
    }
    skip_past(">");
    std::string tag = drawn.substr(open, at - open);
    if (tag.starts_with("<svg")) {
      tag = svg_tag(tag);
    } else if (tag.starts_with("<a ")) {
      tag = "<title>" + attribute(tag, "xlink:title") + "</title>";
    } else if (tag == "</a>") {
      continue;
    } else {
      remove_attribute(tag, "id");
      if (attribute(tag, "font-family").starts_with("Courier"))
        replace_all(tag, attribute(tag, "font-family"), "ui-monospace, monospace");
      else
        remove_attribute(tag, "font-family");
      replace_all(tag, "\"black\"", "\"currentColor\"");
      replace_all(tag, "\"#000000\"", "\"currentColor\"");
    }
    picture += tag;
  }
  return picture;
}

}  // namespace gradus::viz
