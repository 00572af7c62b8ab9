#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partita/audio/file.hpp"
#include "partita/base/progress.hpp"
#include "partita/recomposition/recomposer.hpp"

namespace partita::recomposition {

struct OutputOptions {
  std::filesystem::path folder;  ///< of all results; number i goes to folder/i
  std::int64_t count = 1;        ///< different results
  audio::Container container = audio::Container::Wav;
  audio::SampleFormat format = audio::SampleFormat::Int16;  ///< of what is made
};

/// One of the files of a result.
struct Part {
  std::string name;
  std::filesystem::path file;
  bool made = false;  ///< anew; otherwise kept
  double gain = 1.0;  ///< that brought what was made to its level
};

struct Recomposition {
  std::vector<Part> parts;  ///< the components, in the model's order
  std::filesystem::path mix;
  int sample_rate = 0;
  int channels = 0;
  std::int64_t frames = 0;
  std::int64_t clipped = 0;  ///< samples of all files beyond full scale
};

/// New music of `seconds` seconds, at the codec's rate, mono; the mix at an RMS of 0.1, or lower where it
/// would pass full scale. Throws UsageError for lengths that make no sense.
[[nodiscard]] std::vector<Recomposition> generate(Recomposer& recomposer, double seconds,
                                                  const OutputOptions& options, Progress& progress);

/// The components `made` of a song made anew beside its own others, which are the stems that the recomposer's
/// separator takes out of it, to the sample, at the song's rate and channels. What is made gets the RMS of
/// the stem that it replaces, or as much of it as full scale allows, and is the same in all channels.
[[nodiscard]] std::vector<Recomposition> vary(Recomposer& recomposer, const std::filesystem::path& song,
                                              const std::vector<std::string>& made,
                                              const OutputOptions& options, Progress& progress);

/// The missing components to a stem, which is `name`, kept to the sample. What is made stands to the stem as
/// loud as the decoder makes the one beside the other.
[[nodiscard]] std::vector<Recomposition> accompany(Recomposer& recomposer, const std::filesystem::path& stem,
                                                   const std::string& name, const OutputOptions& options,
                                                   Progress& progress);

}  // namespace partita::recomposition
