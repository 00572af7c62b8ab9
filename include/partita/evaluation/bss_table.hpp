#pragma once

#include <optional>
#include <string>
#include <vector>

#include "partita/evaluation/bss_eval.hpp"
#include "partita/evaluation/statistics.hpp"
#include "partita/io/report.hpp"

namespace partita::evaluation {

/// BSS Eval of one source over tracks: statistics of the tracks' medians over frames.
struct BssRow {
  std::string source;
  Statistic sdr, isr, sir, sar;
  std::int64_t tracks = 0;
  std::int64_t silent =
      0;  ///< left out: reference or estimate silent throughout, or no frame without silence
};

/// Gathers the figures of one system, track by track.
class BssTable {
 public:
  explicit BssTable(std::vector<std::string> sources);
  void add(const BssResult& track);
  /// One a source, the last "all".
  [[nodiscard]] std::vector<BssRow> rows(std::uint64_t seed = 0) const;

 private:
  struct Column {
    Sample sdr, isr, sir, sar;
    std::int64_t tracks = 0, silent = 0;
    void add(const BssMetrics& medians, std::int64_t track);
    [[nodiscard]] BssRow row(std::string source, std::uint64_t seed) const;
  };
  std::vector<std::string> sources_;
  std::vector<Column> columns_;  ///< one a source, the last of all
  std::int64_t tracks_ = 0;
};

[[nodiscard]] io::Json to_json(const std::vector<BssRow>& rows);
/// {"window", "hop", "taps"}
[[nodiscard]] io::Json to_json(const BssOptions& options);
/// What the figures are, in a sentence.
[[nodiscard]] std::string bss_legend(const BssOptions& options);
/// A Markdown table of several systems, by their names.
[[nodiscard]] std::string to_markdown(
    const std::vector<std::pair<std::string, std::vector<BssRow>>>& systems);

}  // namespace partita::evaluation
