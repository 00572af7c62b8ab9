#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace partita {

/// Shows how far a long piece of work has come: a bar with rate and time left on a
/// terminal, a plain line every few seconds elsewhere, nothing when default-constructed.
/// Also polls for interrupts: `advance` throws `Interrupted` when a stop was asked for.
class Progress {
 public:
  enum class Style { Silent, Lines, Bar };

  Progress() = default;
  Progress(std::FILE* stream, Style style);
  /// Leaves an unfinished bar's line, so that an error message begins on a line of its own.
  ~Progress();
  Progress(Progress&& other) noexcept;
  Progress& operator=(Progress&& other) noexcept;
  /// Bar on a terminal, lines otherwise, on stderr.
  static Progress standard();

  /// Starts a piece of work of `total` units (0: unknown), named `label`, counted in `unit`.
  void begin(std::string label, std::int64_t total, std::string unit);
  /// Adds `count` units; `note` is shown after the figures (a loss, a file name).
  void advance(std::int64_t count = 1, const std::string& note = {});
  /// Ends the piece of work with a last line or a full bar.
  void end();

 private:
  void show(const std::string& note, bool last);
  [[nodiscard]] std::string figures(double seconds, bool last) const;
  void leave_line() noexcept;

  std::FILE* stream_ = nullptr;
  Style style_ = Style::Silent;
  bool line_open_ = false;
  std::string label_;
  std::string unit_;
  std::int64_t total_ = 0;
  std::int64_t done_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point shown_;
};

}  // namespace partita
