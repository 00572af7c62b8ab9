#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "partita/audio/file.hpp"
#include "partita/base/progress.hpp"

namespace partita::decomposition {

/// Anything that turns a stretch of mixture into stems: a trained model, HPSS, Demucs.
/// `[channel, sample]` at the song's rate to `[stem, channel, sample]`.
struct StemSource {
  std::vector<std::string> names;
  std::function<torch::Tensor(const torch::Tensor& samples, int sample_rate)> separate;
  bool adds_up = true;            ///< whether the stems are meant to add up to the mixture
  double segment_seconds = 20.0;  ///< the stretch of a song that it wants to see at once
};

struct SongOptions {
  std::filesystem::path output;           ///< folder of the stems
  std::string filename = "{stem}.{ext}";  ///< {model}, {track}, {stem}, {ext}
  std::string model_name;
  audio::Container container = audio::Container::Wav;
  audio::SampleFormat format = audio::SampleFormat::Int16;
  audio::ClipMode clip_mode = audio::ClipMode::None;
  /// Stretch held in memory at once (shortened to whole 1/25 s); unset: what the source wants.
  std::optional<double> segment_seconds;
  double overlap_seconds = 2.0;  ///< joined by cross-fades
  std::string two_stems;         ///< when set: this stem and "no_<stem>" (the rest)
};

struct SongResult {
  std::vector<std::string> names;
  std::vector<std::filesystem::path> files;
  int sample_rate = 0;
  int channels = 0;
  std::int64_t frames = 0;
  std::int64_t clipped = 0;  ///< samples beyond full scale in integer output
  double peak = 0.0;         ///< of all stems
  double scale = 1.0;        ///< applied to every stem (ClipMode::Rescale)
  double residual = 0.0;     ///< largest |song − sum of stems| before quantisation
  double seconds = 0.0;      ///< that it took, reading and writing included
};

/// Separates a file of any length in bounded memory: read, separate stretch by stretch, cross-fade,
/// write; the stems appear under their final names together at the end. 16-bit stems are rounded so
/// that they still add up to the song to one LSB.
[[nodiscard]] SongResult separate_song(const std::filesystem::path& song, StemSource& source,
                                       const SongOptions& options, Progress& progress);

}  // namespace partita::decomposition
