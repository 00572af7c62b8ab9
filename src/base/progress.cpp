#include "partita/base/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "partita/base/interrupt.hpp"

namespace partita {
namespace {

using std::chrono::steady_clock;

constexpr auto kBarInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(5);
constexpr int kBarWidth = 24;

/// 75 s as "1:15", 3675 s as "1:01:15".
std::string clock_time(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(std::clamp(seconds, 0.0, 3.6e8)));
  const auto hours = whole / 3600;
  const auto minutes = whole / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string bar(double fraction) {
  const int filled = static_cast<int>(std::lround(fraction * kBarWidth));
  return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
}

}  // namespace

Progress::Progress(std::FILE* stream, Style style)
    : stream_(stream), style_(stream == nullptr ? Style::Silent : style) {}

Progress::~Progress() { leave_line(); }

Progress::Progress(Progress&& other) noexcept { *this = std::move(other); }

Progress& Progress::operator=(Progress&& other) noexcept {
  if (this == &other) return *this;
  leave_line();
  stream_ = other.stream_;
  style_ = other.style_;
  line_open_ = std::exchange(other.line_open_, false);
  label_ = std::move(other.label_);
  unit_ = std::move(other.unit_);
  total_ = other.total_;
  done_ = other.done_;
  start_ = other.start_;
  shown_ = other.shown_;
  return *this;
}

Progress Progress::standard() { return {stderr, isatty(fileno(stderr)) != 0 ? Style::Bar : Style::Lines}; }

void Progress::begin(std::string label, std::int64_t total, std::string unit) {
  leave_line();
  label_ = std::move(label);
  unit_ = std::move(unit);
  total_ = std::max<std::int64_t>(total, 0);
  done_ = 0;
  start_ = steady_clock::now();
  shown_ = start_;
  if (style_ == Style::Bar) show({}, false);
}

void Progress::advance(std::int64_t count, const std::string& note) {
  done_ += count;
  if (interrupt_requested()) {
    leave_line();
    throw_if_interrupted();
  }
  if (style_ == Style::Silent) return;
  const auto since = steady_clock::now() - shown_;
  const bool due = style_ == Style::Bar ? since >= kBarInterval : since >= kLineInterval;
  if (due) show(note, false);
}

void Progress::end() {
  if (style_ != Style::Silent) show({}, true);
}

void Progress::show(const std::string& note, bool last) {
  shown_ = steady_clock::now();
  const double seconds = std::chrono::duration<double>(shown_ - start_).count();
  std::string line = label_ + (style_ == Style::Bar ? " " : ": ");
  if (style_ == Style::Bar && total_ > 0) {
    line += bar(std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0)) + " ";
  }
  line += figures(seconds, last);
  if (!note.empty()) line += ", " + note;
  if (style_ == Style::Bar)
    line = "\r" + line + "\x1b[K";  // back to the line's start; erase what is left of it
  if (style_ == Style::Lines || last) line += "\n";
  std::fputs(line.c_str(), stream_);
  std::fflush(stream_);
  line_open_ = style_ == Style::Bar && !last;
}

/// "42% (21/50 clips), 3.2 clips/s, 0:09 left"; the last time "100% (50/50 clips), 3.2 clips/s, took 0:16".
std::string Progress::figures(double seconds, bool last) const {
  std::string text;
  if (total_ > 0) {
    const double percent = 100.0 * static_cast<double>(done_) / static_cast<double>(total_);
    text = fmt::format("{:.0f}% ({}/{} {})", std::floor(percent), done_, total_, unit_);
  } else {
    text = fmt::format("{} {}", done_, unit_);
  }
  const double rate = seconds > 0.0 ? static_cast<double>(done_) / seconds : 0.0;
  if (done_ > 0 && rate > 0.0) text += fmt::format(", {:.3g} {}/s", rate, unit_);
  if (last) return text + ", took " + clock_time(seconds);
  if (total_ > done_ && rate > 0.0) {
    text += fmt::format(", {} left", clock_time(static_cast<double>(total_ - done_) / rate));
  }
  return text;
}

void Progress::leave_line() noexcept {
  if (!std::exchange(line_open_, false)) return;
  std::fputc('\n', stream_);
  std::fflush(stream_);
}

}  // namespace partita
