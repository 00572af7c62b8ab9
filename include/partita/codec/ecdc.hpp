#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "partita/codec/codec.hpp"

namespace partita::codec {

/// What an .ecdc file says before its codes.
struct EcdcHeader {
  std::string model;              ///< "encodec_24khz" or "encodec_48khz"
  std::int64_t audio_length = 0;  ///< samples a channel
  std::int64_t codebooks = 0;
};

/// One stretch of sound: codes `[codebook, frame]`, int64 in 0 … 1023, and the loudness that the 48 kHz
/// model divides by.
struct EcdcFrame {
  torch::Tensor codes;
  std::optional<float> scale;
};

/// A compressed file of the official EnCodec tool, without its language model (`encodec --lm` writes the
/// other kind). One frame holds all of a 24 kHz sound; at 48 kHz there is one every 47520 samples, of at most
/// a second each. Format: encodec/binary.py and compress.py of facebookresearch/encodec.
struct EcdcFile {
  EcdcHeader header;
  std::vector<EcdcFrame> frames;
};

/// Latent frames of each EcdcFrame of a sound: one number a frame. Throws CodecError for an unknown model.
[[nodiscard]] std::vector<std::int64_t> ecdc_frame_lengths(const std::string& model,
                                                           std::int64_t audio_length);

/// Throws CodecError naming the file: not an .ecdc file, another version, a language model, a header that is
/// no such thing, codes that end early or go on after their end; IoError if it cannot be read.
[[nodiscard]] EcdcFile read_ecdc(const std::filesystem::path& path);

/// Writes atomically, byte for byte as the official tool does. Throws CodecError if header and frames
/// contradict each other.
void write_ecdc(const std::filesystem::path& path, const EcdcFile& file);

}  // namespace partita::codec
