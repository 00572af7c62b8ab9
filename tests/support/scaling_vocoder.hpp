#pragma once

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "partita/codec/mel_vocoder.hpp"
#include "partita/io/model_folder.hpp"

namespace partita::support {

/// A vocoder's folder that multiplies every magnitude of MelCodec::single_pass by a gain, and leaves the
/// phases as they are.
inline std::filesystem::path write_scaling_vocoder(const std::filesystem::path& folder, double gain,
                                                   const std::string& kind = "codec") {
  codec::MelVocoderOptions options;
  options.channels = 8;
  options.blocks = 1;
  options.kernel = 3;
  options.expansion = 8;
  const codec::MelVocoder vocoder(options);
  io::TensorMap state = io::state_of(*vocoder);
  state.at("network.out.weight").zero_();
  state.at("network.out.bias").zero_();
  state.at("network.out.bias").narrow(0, 0, 1025).fill_(std::log(gain));
  io::write_model_folder(
      folder,
      fmt::format("name = \"scaling\"\nkind = \"{}\"\ncodec = \"mel\"\n\n{}", kind, codec::to_toml(options)),
      {{codec::kVocoderFile, state}});
  return folder;
}

}  // namespace partita::support
