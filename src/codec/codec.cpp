#include "partita/codec/codec.hpp"

#include <algorithm>

#include "partita/audio/stft.hpp"
#include "partita/codec/encodec.hpp"
#include "partita/codec/mel_codec.hpp"
#include "partita/codec/mel_vocoder.hpp"
#include "partita/io/model_folder.hpp"

namespace partita::codec {
namespace {

[[noreturn]] void refuse_spectra(const Codec& codec) {
  fail<CodecError>(
      "codec '{}': its latents are no spectra, which remixing and learned masks need; use codec mel",
      codec.name());
}

/// The folder of the vocoder that "mel" or "mel@NAME" stands for; empty for Griffin-Lim alone.
std::filesystem::path mel_vocoder(const std::string& codec) {
  const std::string name = codec.substr(std::min(codec.size(), std::string("mel@").size()));
  if (name == kGriffinLim) return {};
  if (!name.empty()) return io::find_model(name);
  for (const std::filesystem::path& model : io::list_models()) {
    if (model.filename() == kMelVocoder) return model;
  }
  return {};
}

}  // namespace

torch::Tensor Codec::superpose(const torch::Tensor& /*components*/) { refuse_spectra(*this); }

torch::Tensor Codec::power_shares(const torch::Tensor& /*components*/) { refuse_spectra(*this); }

torch::Tensor Codec::share_out(const torch::Tensor& /*mixture*/, const torch::Tensor& /*shares*/) {
  refuse_spectra(*this);
}

torch::Tensor Codec::power_spectrum(const torch::Tensor& latents, std::int64_t window) {
  const torch::NoGradGuard no_gradient;
  const torch::Tensor samples = decode(latents);
  const audio::Stft stft({window, hop()}, samples.device());
  return stft.forward(samples).abs().square().mean(1).narrow(-1, 0, latents.size(2));
}

std::shared_ptr<Codec> make_codec(const std::string& name, torch::Device device,
                                  const std::filesystem::path& weights) {
  if (name == "mel" || name.starts_with("mel@"))
    return std::make_shared<MelCodec>(MelCodecOptions{}, device, mel_vocoder(name));
  if (name.starts_with("encodec_")) return load_encodec(name, device, weights);
  fail<CodecError>("unknown codec '{}': expected mel, encodec_24khz or encodec_48khz", name);
}

}  // namespace partita::codec
