#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/codec/codec.hpp"
#include "partita/evaluation/statistics.hpp"
#include "partita/io/report.hpp"

namespace partita::evaluation {

/// A generated part beside the real one of its song and that of another song.
struct PartPair {
  std::string part;  ///< "drums"
  std::filesystem::path generated;
  std::filesystem::path real;
  std::filesystem::path random;  ///< empty where no other song has this part
};

/// Pairs the audio files below `generated` with those below `real`: "<song>/<part>.wav" with the same path,
/// whatever the formats; a number behind the name ("drums-2", "drums_2", "drums.2") tells several generated
/// parts of one song apart. Files without a folder are songs of one part. The other song is drawn by the
/// seed. Throws EvaluationError for a generated part without a real one and where there is none at all.
[[nodiscard]] std::vector<PartPair> pair_parts(const std::filesystem::path& real,
                                               const std::filesystem::path& generated, std::uint64_t seed);

/// Distances of generated parts (paper, table 5).
struct DiversityRow {
  std::string part;
  std::string against;      ///< "real" or "random"
  Statistic mse;            ///< of the codec's latents
  Statistic ms_stft;        ///< ms_stft_distance
  std::int64_t silent = 0;  ///< pairs left out: the real part is silent
};

struct DiversityFigures {
  std::string codec;
  int sample_rate = 0;
  std::vector<DiversityRow> rows;
};

/// At the codec's rate and channels, each pair cut to the shorter of both and to `seconds` (0: whole). Throws
/// EvaluationError for parts too short to measure, AudioError for files that cannot be read.
[[nodiscard]] DiversityFigures evaluate_diversity(codec::Codec& codec, const std::vector<PartPair>& pairs,
                                                  double seconds, std::uint64_t seed, Progress& progress);
[[nodiscard]] io::Json to_json(const DiversityFigures& figures);
[[nodiscard]] std::string to_markdown(const DiversityFigures& figures);

}  // namespace partita::evaluation
