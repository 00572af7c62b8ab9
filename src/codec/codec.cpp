#include "partita/codec/codec.hpp"

#include "partita/codec/mel_codec.hpp"

namespace partita::codec {

torch::Tensor Codec::superpose(const torch::Tensor& /*latents*/) {
  fail<CodecError>("codec '{}': its latents are no spectra, so they cannot be superposed; use codec mel",
                   name());
}

torch::Tensor Codec::share_out(const torch::Tensor& /*mixture*/, const torch::Tensor& /*components*/) {
  fail<CodecError>("codec '{}': its latents are no spectra, so they cannot be shared out; use codec mel",
                   name());
}

std::shared_ptr<Codec> make_codec(const std::string& name, torch::Device device) {
  if (name == "mel") return std::make_shared<MelCodec>(MelCodecOptions{}, device);
  fail<CodecError>("unknown codec '{}': expected mel", name);
}

}  // namespace partita::codec
