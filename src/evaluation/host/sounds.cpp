#include "partita/audio/file.hpp"
#include "partita/audio/resample.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/data/store.hpp"
#include "partita/evaluation/generation.hpp"

namespace partita::evaluation {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kBlock = 1 << 18;  // samples a read

void read_file(const fs::path& path, int sample_rate, const std::function<void(const torch::Tensor&)>& use) {
  audio::AudioReader reader(path);
  audio::Resampler resampler(reader.info().sample_rate, sample_rate, 1);
  for (;;) {
    throw_if_interrupted();
    const torch::Tensor block = reader.read(kBlock);
    if (block.size(1) == 0) break;
    use(resampler.process(block.mean(0, /*keepdim=*/true)).squeeze(0));
  }
  use(resampler.finish().squeeze(0));
}

}  // namespace

SoundSet sounds_from_folder(const fs::path& folder) {
  const std::vector<fs::path> files = audio::audio_files(folder);
  if (files.empty()) {
    fail<EvaluationError>("{}: no audio files in it (WAV, FLAC, OGG, MP3 or AIFF)", folder.string());
  }
  SoundSet set;
  set.name = folder.string();
  for (const auto& file : files) set.sounds.push_back(file.lexically_relative(folder).string());
  set.read = [files](std::size_t index, int sample_rate, const auto& use) {
    read_file(files[index], sample_rate, use);
  };
  return set;
}

SoundSet sounds_from_store(const fs::path& store, const std::string& split) {
  const data::LatentStore latents(store, split);
  if (!latents.has_audio()) fail<EvaluationError>("{}: split '{}' keeps no audio", store.string(), split);
  const torch::Tensor mixtures = latents.mixture_audio();
  SoundSet set;
  set.name = fmt::format("{} ({})", store.string(), split);
  for (std::int64_t i = 0; i < mixtures.size(0); ++i) set.sounds.push_back(fmt::format("{}-{}", split, i));
  set.read = [mixtures, rate = latents.info().sample_rate](std::size_t index, int sample_rate,
                                                           const auto& use) {
    throw_if_interrupted();
    const torch::Tensor sound = mixtures[static_cast<std::int64_t>(index)];
    use(audio::resample(sound.unsqueeze(0), rate, sample_rate).squeeze(0));
  };
  return set;
}

}  // namespace partita::evaluation
