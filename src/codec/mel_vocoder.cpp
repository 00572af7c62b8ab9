#include "partita/codec/mel_vocoder.hpp"

#include <fmt/format.h>

namespace partita::codec {
namespace {

// Below these, the logarithms that the network hears do not fall further.
constexpr double kLeastLatent = 3e-3;
constexpr double kLeastMagnitude = 1e-5;
// Brings logarithms to a deviation of about one.
constexpr double kLatentScale = 0.5;
constexpr double kMagnitudeScale = 0.25;
constexpr double kTinyUnit = 1e-12;
constexpr double kLargestGain = 4.0;     // nepers
constexpr double kSmallestGain = -12.0;  // nepers

nn::VocoderOptions network_options(const MelVocoderOptions& options, const MelCodecOptions& codec) {
  const std::int64_t bins = codec.window / 2 + 1;
  nn::VocoderOptions network;
  network.in_dim = codec.bands + bins + 2 * (bins - 1);
  network.out_dim = 2 * bins;
  network.channels = options.channels;
  network.blocks = options.blocks;
  network.kernel = options.kernel;
  network.expansion = options.expansion;
  return network;
}

/// What the network hears: band and bin levels, and how the phase turns from bin to bin, which says when in a
/// frame its energy comes. `[batch, in_dim, frame]`.
torch::Tensor features(const torch::Tensor& latents, const torch::Tensor& spectrum) {
  const torch::Tensor magnitude = spectrum.abs();
  const torch::Tensor unit = spectrum / (magnitude + kTinyUnit);
  const std::int64_t last = unit.size(1) - 1;
  const torch::Tensor turn = unit.narrow(1, 1, last) * unit.narrow(1, 0, last).conj();
  return torch::cat(
      {(latents.clamp_min(0.0) + kLeastLatent).log() * kLatentScale,
       (magnitude + kLeastMagnitude).log() * kMagnitudeScale, torch::real(turn), torch::imag(turn)},
      1);
}

}  // namespace

MelVocoderOptions mel_vocoder_options(const io::Config& config) {
  const io::Config table = config.table("vocoder");
  MelVocoderOptions options;
  const auto read = [&](const char* key, std::int64_t& value) {
    value = table.get<std::int64_t>(key, value);
    table.require(value >= 1, key, "1 or more");
  };
  read("channels", options.channels);
  read("blocks", options.blocks);
  read("kernel", options.kernel);
  read("expansion", options.expansion);
  table.require(options.kernel % 2 == 1, "kernel", "an odd number");
  return options;
}

std::string to_toml(const MelVocoderOptions& options) {
  return fmt::format("[vocoder]\nchannels = {}\nblocks = {}\nkernel = {}\nexpansion = {}\n", options.channels,
                     options.blocks, options.kernel, options.expansion);
}

MelVocoderImpl::MelVocoderImpl(const MelVocoderOptions& options, const MelCodecOptions& codec)
    : options_(options), codec_(codec) {
  network_ = register_module("network", nn::Vocoder(network_options(options, codec)));
}

torch::Tensor MelVocoderImpl::forward(const torch::Tensor& latents, const torch::Tensor& rough) {
  const std::int64_t frames = latents.size(2);
  if (rough.dim() != 2 || rough.size(0) != latents.size(0) || rough.size(1) != frames * codec_.hop) {
    fail<CodecError>("mel vocoder: expected a rough sound [{}, {}] of latents {}, found {}", latents.size(0),
                     frames * codec_.hop, c10::str(latents.sizes()), c10::str(rough.sizes()));
  }
  const audio::Stft stft({codec_.window, codec_.hop}, rough.device());
  const torch::Tensor spectrum = stft.forward(rough);
  // The STFT has one frame more than the latents: the last is held.
  const torch::Tensor held = torch::cat({latents, latents.narrow(2, frames - 1, 1)}, 2);
  const std::vector<torch::Tensor> correction =
      network_->forward(features(held, spectrum)).to(torch::kFloat32).chunk(2, 1);
  const torch::Tensor gain = correction[0].clamp(kSmallestGain, kLargestGain).exp();
  return stft.inverse(spectrum * torch::polar(gain, correction[1]), rough.size(1));
}

MelVocoder load_mel_vocoder(const io::ModelFolder& folder, torch::Device device) {
  const std::string where = folder.path().string();
  if (folder.kind() != "codec" || folder.card().get<std::string>("codec", "") != "mel") {
    fail<CodecError>("{}: expected a model of kind 'codec' for the codec 'mel', found kind '{}'", where,
                     folder.kind());
  }
  MelVocoder vocoder(mel_vocoder_options(folder.card()));
  io::load_state(*vocoder, folder.weights(kVocoderFile).tensors(), where);
  vocoder->to(device);
  vocoder->eval();
  return vocoder;
}

}  // namespace partita::codec
