#include "gradus/viz/progress.h"

#include <chrono>
#include <cmath>
#include <iostream>
#include <utility>

namespace gradus::viz {
namespace {

constexpr double live_interval = 0.1;  // seconds
constexpr double plain_interval = 60;

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Progress::Progress(double done)
    : Progress(std::cout, Terminal::standard_output(), monotonic_seconds, done) {}

Progress::Progress(std::ostream& out, const Terminal& terminal, Clock clock, double done)
    : out_(out),
      terminal_(terminal),
      clock_(std::move(clock)),
      start_time_(clock_()),
      start_done_(done),
      time_(start_time_),
      done_(done),
      shown_time_(start_time_),
      shown_done_(done) {}

Progress::~Progress() {
  if (is_open_) out_ << '\n' << std::flush;
}

// At the speed so far. The first moments say little about it: unknown (negative) for a second.
double Progress::remaining() const {
  if (time_ - start_time_ < 1) return -1;
  return (1 - done_) * (time_ - start_time_) / (done_ - start_done_);
}

void Progress::update(double done, std::string text) {
  const bool is_first = text_.empty();
  text_ = std::move(text);
  time_ = clock_();
  done_ = done;
  if (is_first || (terminal_.live ? time_ - shown_time_ >= live_interval : is_plain_line_due())) {
    show(line("ETA", remaining()));
    shown_time_ = time_;
    shown_done_ = done_;
  }
}

bool Progress::is_plain_line_due() const {
  const auto tenths = [](double done) { return std::floor(10 * done + 1e-9); };
  return done_ < 1 &&
         (tenths(done_) > tenths(shown_done_) || time_ - shown_time_ >= plain_interval);
}

std::string Progress::line(std::string_view label, double seconds) const {
  const std::string time = format_duration(seconds);
  std::string line = text_;
  if (time != "?") line.append("  ").append(label).append(" ").append(time);
  // The last column stays free: a terminal may begin a new line once it is written.
  return terminal_.live ? std::string(cut_to(line, terminal_.width - 1)) : line;
}

// "\r" goes back to the beginning of the line, "ESC [ K" clears what is left of it.
void Progress::show(const std::string& line) {
  out_ << (terminal_.live ? "\r" + line + "\033[K" : line + "\n") << std::flush;
  is_open_ = terminal_.live;
}

void Progress::print(std::string_view lines) {
  if (is_open_) out_ << "\r\033[K";
  out_ << lines;
  if (!lines.ends_with('\n')) out_ << '\n';
  if (std::exchange(is_open_, false)) show(line("ETA", remaining()));
  out_ << std::flush;
}

void Progress::finish() {
  if (text_.empty()) return;
  time_ = clock_();
  show(line("time", time_ - start_time_));
  if (std::exchange(is_open_, false)) out_ << '\n' << std::flush;
  text_.clear();
}

}  // namespace gradus::viz
