#include "partita/codec/codec.hpp"

#include "partita/audio/stft.hpp"
#include "partita/codec/encodec.hpp"
#include "partita/codec/mel_codec.hpp"

namespace partita::codec {
namespace {

[[noreturn]] void refuse_spectra(const Codec& codec) {
  fail<CodecError>(
      "codec '{}': its latents are no spectra, which remixing and learned masks need; use codec mel",
      codec.name());
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
  if (name == "mel") return std::make_shared<MelCodec>(MelCodecOptions{}, device);
  if (name.starts_with("encodec_")) return load_encodec(name, device, weights);
  fail<CodecError>("unknown codec '{}': expected mel, encodec_24khz or encodec_48khz", name);
}

}  // namespace partita::codec
