#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/data/error.hpp"
#include "partita/io/report.hpp"

namespace partita::data {

struct PrepareOptions {
  std::filesystem::path input;  ///< a folder; one song will do for Mixtures
  enum class Layout { Slakh, Musdb, Mixtures } layout = Layout::Slakh;
  std::vector<std::string> sources;  ///< lower-case Slakh classes ("drums", "bass"); unused for Mixtures
  /// Those to prepare, for example "test"; empty: all. Plain mixtures have no splits of their own: they are
  /// dealt out by their names, and all go to one where it alone is wanted.
  std::vector<std::string> splits;
  std::filesystem::path output;  ///< folder of the store
  std::string codec = "mel";
  double clip_seconds = 7.0;
  double minimum_rms = 0.01;               ///< clips in which a source stays under this are left out
  std::int64_t train_waveforms = 0;        ///< clips of the training split kept as audio too
  std::int64_t validation_waveforms = 64;  ///< the same of the validation and test splits, of each
  int workers = 0;                         ///< processes; 0: one a core
};

/// What was kept and what was left out, and why.
struct PrepareReport {
  struct Split {
    std::string name;
    std::int64_t tracks = 0;
    std::int64_t clips = 0;
    std::int64_t quiet_clips = 0;  ///< left out: a source under minimum_rms
    std::int64_t skipped_tracks =
        0;                           ///< left out: source missing, stems of unequal length, unreadable, short
    std::int64_t missing_stems = 0;  ///< in the metadata but not on disk, beside others of their class
    std::vector<std::string> reasons;  ///< of each skipped track
  };
  std::vector<Split> splits;
};

/// As {"splits": [...]}, for reports.
[[nodiscard]] io::Json to_json(const PrepareReport& report);

/// Cuts tracks into clips, mixture = mean of the sources, resamples to the codec's rate, encodes (to codes
/// where the codec has them) and writes a latent store. The store does not depend on the number of workers.
/// What an interrupted run finished is kept; it goes on when called with the same options. Throws UsageError
/// for options that make no sense, DataError for a folder of another layout, for one without usable clips
/// and for an output that holds a store or was begun with other options.
PrepareReport prepare(const PrepareOptions& options, Progress& progress);

}  // namespace partita::data
