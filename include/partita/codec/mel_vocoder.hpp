#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "partita/audio/stft.hpp"
#include "partita/codec/mel_codec.hpp"
#include "partita/io/config.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/nn/vocoder.hpp"

namespace partita::codec {

/// The name under which the vocoder of the codec "mel" is looked for, and that of doing without.
inline constexpr const char* kMelVocoder = "mel-vocoder";
inline constexpr const char* kGriffinLim = "griffin-lim";

/// The weights in a vocoder's model folder.
inline constexpr const char* kVocoderFile = "vocoder.safetensors";

struct MelVocoderOptions {
  std::int64_t channels = 256;
  std::int64_t blocks = 8;
  std::int64_t kernel = 7;
  std::int64_t expansion = 512;
};

/// Reads [vocoder] of a configuration's root or of a model's card. Throws io::IoError naming the key.
[[nodiscard]] MelVocoderOptions mel_vocoder_options(const io::Config& config);
/// The same as TOML text, table [vocoder].
[[nodiscard]] std::string to_toml(const MelVocoderOptions& options);

/// Turns a rough sound of mel latents into a better one: an inverse STFT whose magnitudes and phases a
/// network corrects, bin by bin (after Vocos, Siuzdak 2023). A network of frames alone, as Vocos is, says the
/// same phase in every frame of a note that is held, and so repeats itself at the frame rate whatever the
/// note's pitch; the phases of MelCodec::single_pass advance with the partials.
class MelVocoderImpl : public torch::nn::Module {
 public:
  explicit MelVocoderImpl(const MelVocoderOptions& options, const MelCodecOptions& codec = {});

  /// Latents `[batch, band, frame]` and MelCodec::single_pass's sound of them `[batch, sample]` to
  /// `[batch, sample]`. Differentiable.
  torch::Tensor forward(const torch::Tensor& latents, const torch::Tensor& rough);
  [[nodiscard]] const MelVocoderOptions& options() const { return options_; }

 private:
  MelVocoderOptions options_;
  MelCodecOptions codec_;
  nn::Vocoder network_{nullptr};
};
TORCH_MODULE(MelVocoder);

/// A model folder of kind "codec". Throws CodecError for another kind or codec, io::IoError for broken files.
[[nodiscard]] MelVocoder load_mel_vocoder(const io::ModelFolder& folder, torch::Device device);

}  // namespace partita::codec
