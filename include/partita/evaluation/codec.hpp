#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/codec/codec.hpp"
#include "partita/evaluation/separation.hpp"
#include "partita/evaluation/statistics.hpp"
#include "partita/io/report.hpp"

namespace partita::evaluation {

/// How well a codec gives sounds back, at its own rate and channels.
struct CodecFigures {
  std::string codec;
  int sample_rate = 0;
  std::optional<double> bit_rate;  ///< kbit/s
  Statistic ms_stft;               ///< ms_stft_distance
  Statistic si_sdr;                ///< dB, each clip's mean over channels, limited to ±100 dB
  std::int64_t clips = 0;
  std::int64_t silent = 0;  ///< clips left out
};

/// Sends the first `seconds` of each file through the codec. Throws EvaluationError if there is no clip
/// that can be measured, AudioError for files that cannot be read.
[[nodiscard]] CodecFigures evaluate_codec(codec::Codec& codec,
                                          const std::vector<std::filesystem::path>& files, double seconds,
                                          Progress& progress);
/// Sends the clips' mixtures through the codec; `use` takes each as it is given back, `[channel, sample]`.
[[nodiscard]] CodecFigures evaluate_codec(codec::Codec& codec, const std::vector<Clip>& clips,
                                          Progress& progress,
                                          const std::function<void(const torch::Tensor&)>& use = {});
[[nodiscard]] io::Json to_json(const CodecFigures& figures);
[[nodiscard]] std::string to_markdown(const std::vector<CodecFigures>& figures);

}  // namespace partita::evaluation
