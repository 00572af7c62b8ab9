#include "host/codec_input.hpp"

#include "partita/audio/file.hpp"
#include "partita/audio/resample.hpp"
#include "partita/evaluation/si_metrics.hpp"

namespace partita::evaluation {

namespace {

torch::Tensor fitted(const codec::Codec& codec, torch::Tensor samples, int sample_rate) {
  if (samples.size(0) != codec.channels()) {
    samples = samples.mean(0, /*keepdim=*/true).expand({codec.channels(), -1}).contiguous();
  }
  return audio::resample(samples, sample_rate, codec.sample_rate());
}

}  // namespace

torch::Tensor read_for(const codec::Codec& codec, const std::filesystem::path& file, double seconds) {
  const audio::Waveform waveform = audio::read_waveform(file, seconds);
  return fitted(codec, waveform.samples, waveform.sample_rate);
}

torch::Tensor heard_by(const codec::Codec& codec, const Clip& clip) {
  return fitted(codec, clip.mixture.unsqueeze(0), clip.sample_rate);
}

bool any_silent(const torch::Tensor& samples) {
  for (std::int64_t channel = 0; channel < samples.size(0); ++channel) {
    if (is_silent(samples[channel])) return true;
  }
  return false;
}

}  // namespace partita::evaluation
