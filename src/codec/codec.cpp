#include "partita/codec/codec.hpp"

#include "partita/codec/mel_codec.hpp"

namespace partita::codec {

std::shared_ptr<Codec> make_codec(const std::string& name, torch::Device device) {
  if (name == "mel") return std::make_shared<MelCodec>(MelCodecOptions{}, device);
  fail<CodecError>("unknown codec '{}': expected mel", name);
}

}  // namespace partita::codec
