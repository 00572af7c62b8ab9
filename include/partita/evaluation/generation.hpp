#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/evaluation/embedding.hpp"
#include "partita/evaluation/frechet.hpp"
#include "partita/io/report.hpp"

namespace partita::evaluation {

/// Sounds to compare as a set.
struct SoundSet {
  std::string name;                 ///< as the user gave it
  std::vector<std::string> sounds;  ///< their names
  /// Hands out sound `index`, mono at a rate, piece by piece `[sample]`.
  std::function<void(std::size_t index, int sample_rate,
                     const std::function<void(const torch::Tensor&)>& use)>
      read;
};

/// All audio files of a folder and below it, of any format, rate and number of channels (their mean is
/// taken). Throws EvaluationError if there is none.
[[nodiscard]] SoundSet sounds_from_folder(const std::filesystem::path& folder);

/// The mixtures that a split of a latent store keeps as audio. Throws EvaluationError if it keeps none.
[[nodiscard]] SoundSet sounds_from_store(const std::filesystem::path& store, const std::string& split);

/// Waveforms in memory, `[channel, sample]` each or `[sample]`, at one rate.
[[nodiscard]] SoundSet sounds_from_waveforms(std::string name, std::vector<torch::Tensor> waveforms,
                                             int sample_rate);

struct GenerationOptions {
  bool infinity = false;         ///< FAD∞ as well: holds the frames of one set of candidates in memory
  std::int64_t resamples = 100;  ///< of the bootstrap behind intervals
  std::uint64_t seed = 0;
};

/// The Fréchet audio distance of a set of candidates to the reference.
struct FadRow {
  std::string candidates;
  double fad = 0.0;
  Interval interval;  ///< over the candidates' sounds
  std::optional<FadInfinity> infinity;
  std::int64_t sounds = 0;
  std::int64_t frames = 0;
};

struct GenerationFigures {
  std::string embedding;
  std::string reference;
  std::int64_t reference_sounds = 0;
  std::int64_t reference_frames = 0;
  std::int64_t dimensions = 0;
  GenerationOptions options;
  /// First "reference, halves", where it has several sounds: those at odd places against the others, which is
  /// what sets of half its size come to that differ in nothing but chance.
  std::vector<FadRow> rows;
};

/// Fréchet audio distances (Kilgour et al. 2019) of Gaussians fitted to all frames of each set. Throws
/// EvaluationError for sets with fewer than two frames, AudioError for files that cannot be read.
[[nodiscard]] GenerationFigures evaluate_generation(const Embedding& embedding, const SoundSet& reference,
                                                    const std::vector<SoundSet>& candidates,
                                                    const GenerationOptions& options, Progress& progress);
[[nodiscard]] io::Json to_json(const GenerationFigures& figures);
[[nodiscard]] std::string to_markdown(const GenerationFigures& figures);

}  // namespace partita::evaluation
