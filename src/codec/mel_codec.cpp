#include "partita/codec/mel_codec.hpp"

#include <numbers>
#include <tuple>
#include <utility>

#include "mel_filters.hpp"
#include "partita/codec/mel_vocoder.hpp"

namespace partita::codec {
namespace {

constexpr double kMomentum = 0.99;  // of fast Griffin-Lim
constexpr double kTinyMagnitude = 1e-12;
constexpr double kPeakFloor = 1e-9;
constexpr double kSteepest = 20.0;   // nepers from a peak to the bin beside it
constexpr double kFar = 1e6;         // bins
constexpr double kTinyPower = 1e-9;  // of a latent: where no component has any, all share alike

/// Phases that a sinusoid in each bin would have: a start without noise.
torch::Tensor advancing_phase(std::int64_t bins, std::int64_t frames, std::int64_t hop, std::int64_t window,
                              torch::Device device) {
  const auto options = torch::TensorOptions(torch::kFloat64).device(device);
  const torch::Tensor bin = torch::arange(bins, options).unsqueeze(1);
  const torch::Tensor frame = torch::arange(frames, options).unsqueeze(0);
  const torch::Tensor turns = bin * frame * static_cast<double>(hop) / static_cast<double>(window);
  const torch::Tensor angle = (turns - turns.floor()) * (2.0 * std::numbers::pi);
  return torch::polar(torch::ones_like(angle), angle).to(torch::kComplexFloat);
}

/// Phases by single-pass spectrogram inversion (Beauregard, Harish & Wyse 2015): each bin advances with the
/// peak nearest to it, at the frequency at which a parabola through the peak's log magnitudes is highest, and
/// the bins about a peak alternate in sign, as the main lobe of a Hann window does. `[batch, bin, frame]`.
torch::Tensor partial_phase(const torch::Tensor& magnitude, std::int64_t hop, std::int64_t window) {
  const std::int64_t bins = magnitude.size(1);
  const torch::Tensor level = (magnitude + kPeakFloor).log();
  const torch::Tensor padded = torch::constant_pad_nd(level, {0, 0, 1, 1}, -kFar);
  const torch::Tensor lower = padded.narrow(1, 0, bins), upper = padded.narrow(1, 2, bins);
  const torch::Tensor peak = level.ge(lower).logical_and(level.gt(upper));
  const torch::Tensor left = torch::maximum(lower, level - kSteepest);
  const torch::Tensor right = torch::maximum(upper, level - kSteepest);
  const torch::Tensor shift =
      (0.5 * (left - right) / (left - 2.0 * level + right - kPeakFloor)).clamp(-0.5, 0.5);
  const torch::Tensor bin =
      torch::arange(bins, magnitude.options().dtype(torch::kFloat64)).unsqueeze(1).expand_as(level);
  const torch::Tensor below = std::get<0>(bin.masked_fill(peak.logical_not(), -kFar).cummax(1));
  const torch::Tensor above =
      std::get<0>(bin.masked_fill(peak.logical_not(), kFar).flip(1).cummin(1)).flip(1);
  // Where nothing is a number there are no peaks.
  const torch::Tensor owner =
      torch::where(bin - below <= above - bin, below, above).clamp(0, bins - 1).to(torch::kLong);
  const torch::Tensor frequency =
      (bin + shift).gather(1, owner) * (static_cast<double>(hop) / static_cast<double>(window));
  const torch::Tensor turns = frequency.cumsum(2).gather(1, owner) + 0.5 * (bin - owner);
  const torch::Tensor angle = (turns - turns.floor()) * (2.0 * std::numbers::pi);
  return torch::polar(torch::ones_like(angle), angle).to(torch::kComplexFloat);
}

torch::Tensor unit_phase(const torch::Tensor& spectrum) {
  return spectrum / (spectrum.abs() + kTinyMagnitude);
}

}  // namespace

MelCodec::MelCodec(const MelCodecOptions& options, torch::Device device, std::filesystem::path vocoder)
    : options_(options),
      device_(device),
      stft_(audio::StftOptions{options.window, options.hop}, device),
      filters_(mel_filters(options.bands, options.window, options.sample_rate).to(device)),
      spread_(mel_spread(filters_.cpu()).to(device)),
      vocoder_folder_(std::move(vocoder)) {}

torch::Tensor MelCodec::encode(const torch::Tensor& samples) {
  if (samples.dim() != 3 || samples.size(1) != 1 || samples.size(2) < 1) {
    fail<CodecError>("mel codec: expected samples [batch, 1, sample], found {}", c10::str(samples.sizes()));
  }
  const torch::NoGradGuard no_gradient;
  const std::int64_t frames = (samples.size(2) + options_.hop - 1) / options_.hop;
  const torch::Tensor spectrum =
      stft_.forward(samples.squeeze(1).to(device_, torch::kFloat32)).narrow(-1, 0, frames);
  const torch::Tensor power = torch::matmul(filters_, torch::view_as_real(spectrum).square().sum(-1));
  return power.pow(options_.compression / 2.0) / options_.scale;
}

torch::Tensor MelCodec::band_powers(const torch::Tensor& latents) const {
  if (latents.dim() != 3 || latents.size(1) != options_.bands || latents.size(2) < 1) {
    fail<CodecError>("mel codec: expected latents [batch, {}, frame], found {}", options_.bands,
                     c10::str(latents.sizes()));
  }
  return (latents.to(device_, torch::kFloat32).clamp_min(0.0) * options_.scale)
      .pow(2.0 / options_.compression);
}

torch::Tensor MelCodec::power_spectrum(const torch::Tensor& latents, std::int64_t window) {
  const torch::NoGradGuard no_gradient;
  const torch::Tensor spread =
      window == options_.window
          ? spread_
          : mel_spread(mel_filters(options_.bands, window, options_.sample_rate)).to(device_);
  return torch::matmul(spread, band_powers(latents));
}

torch::Tensor add_powers(const torch::Tensor& components, double compression) {
  return components.pow(2.0 / compression).sum(1).pow(compression / 2.0);
}

torch::Tensor MelCodec::superpose(const torch::Tensor& components) {
  return add_powers(components, options_.compression);
}

torch::Tensor MelCodec::power_shares(const torch::Tensor& components) {
  const torch::Tensor power = components.clamp_min(0.0).pow(2.0 / options_.compression) + kTinyPower;
  return power / power.sum(1, true);
}

torch::Tensor MelCodec::share_out(const torch::Tensor& mixture, const torch::Tensor& shares) {
  return mixture.unsqueeze(1) * shares.pow(options_.compression / 2.0);
}

torch::Tensor MelCodec::decode(const torch::Tensor& latents) {
  const torch::NoGradGuard no_gradient;
  if (vocoder_folder_.empty()) return griffin_lim(latents).unsqueeze(1);
  if (vocoder_ == nullptr) vocoder_ = load_mel_vocoder(io::ModelFolder(vocoder_folder_), device_).ptr();
  return vocoder_->forward(latents.to(device_, torch::kFloat32), single_pass(latents)).unsqueeze(1);
}

torch::Tensor MelCodec::magnitudes(const torch::Tensor& latents) const {
  const torch::Tensor power = torch::matmul(spread_, band_powers(latents));
  // The STFT has one frame more than the latents: the last is held.
  return torch::cat({power, power.narrow(2, power.size(2) - 1, 1)}, 2).sqrt();
}

torch::Tensor MelCodec::single_pass(const torch::Tensor& latents) const {
  const torch::NoGradGuard no_gradient;
  const torch::Tensor magnitude = magnitudes(latents);
  return stft_.inverse(magnitude * partial_phase(magnitude, options_.hop, options_.window),
                       latents.size(2) * options_.hop);
}

torch::Tensor MelCodec::griffin_lim(const torch::Tensor& latents) const {
  const torch::NoGradGuard no_gradient;
  const torch::Tensor magnitude = magnitudes(latents);
  const std::int64_t length = latents.size(2) * options_.hop;
  torch::Tensor phase =
      advancing_phase(magnitude.size(1), magnitude.size(2), options_.hop, options_.window, device_);
  torch::Tensor previous;
  for (int i = 0; i < options_.griffin_lim_iterations; ++i) {
    const torch::Tensor consistent = stft_.forward(stft_.inverse(magnitude * phase, length));
    const torch::Tensor accelerated =
        previous.defined() ? consistent + kMomentum * (consistent - previous) : consistent;
    previous = consistent;
    phase = unit_phase(accelerated);
  }
  return stft_.inverse(magnitude * phase, length);
}

}  // namespace partita::codec
