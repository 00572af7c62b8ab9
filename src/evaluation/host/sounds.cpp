#include "partita/audio/file.hpp"
#include "partita/audio/resample.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/data/store.hpp"
#include "partita/evaluation/generation.hpp"

namespace partita::evaluation {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kSamplesARead = 1 << 18;

void read_file(const fs::path& path, int sample_rate, const std::function<void(const torch::Tensor&)>& use) {
  audio::AudioReader reader(path);
  audio::Resampler resampler(reader.info().sample_rate, sample_rate, 1);
  for (;;) {
    throw_if_interrupted();
    const torch::Tensor block = reader.read(kSamplesARead);
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

SoundSet sounds_from_waveforms(std::string name, std::vector<torch::Tensor> waveforms, int sample_rate) {
  SoundSet set;
  for (std::size_t i = 0; i < waveforms.size(); ++i) set.sounds.push_back(fmt::format("{}-{}", name, i));
  set.name = std::move(name);
  set.read = [waveforms = std::move(waveforms), sample_rate](std::size_t index, int wanted, const auto& use) {
    throw_if_interrupted();
    const torch::Tensor& sound = waveforms[index];
    const torch::Tensor mono = sound.dim() == 1 ? sound.unsqueeze(0) : sound.mean(0, /*keepdim=*/true);
    use(audio::resample(mono, sample_rate, wanted).squeeze(0));
  };
  return set;
}

SoundSet sounds_from_store(const fs::path& store, const std::string& split) {
  const data::LatentStore latents(store, split);
  if (!latents.has_audio()) fail<EvaluationError>("{}: split '{}' keeps no audio", store.string(), split);
  return sounds_from_waveforms(fmt::format("{} ({})", store.string(), split),
                               latents.mixture_audio().unbind(0), latents.info().sample_rate);
}

}  // namespace partita::evaluation
