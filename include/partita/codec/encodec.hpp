#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/io/safetensors.hpp"

namespace partita::codec {

/// Architecture of an EnCodec (Défossez et al. 2022, arXiv:2210.13438).
struct EncodecOptions {
  std::string name = "encodec_24khz";
  int sample_rate = 24000;
  int channels = 1;
  /// Causal: padded on the left alone, weight norm, one frame of any length. Otherwise padded on both sides,
  /// time-group norm, and coded second by second (`segment`, `overlap`) after levelling the loudness.
  bool causal = true;
  std::int64_t segment = 0;  ///< samples of a frame; 0: the whole signal is one frame
  double overlap = 0.0;      ///< of consecutive frames, as a share of `segment`
  std::vector<double> bandwidths{1.5, 3.0, 6.0, 12.0, 24.0};  ///< kbit/s
  std::int64_t filters = 32;                     ///< channels at the audio's rate; doubled at each ratio
  std::int64_t dimension = 128;                  ///< channels of a latent
  std::vector<std::int64_t> ratios{8, 5, 4, 2};  ///< of the decoder; the encoder has them reversed
  std::int64_t lstm_layers = 2;
  std::int64_t codebook_size = 1024;

  [[nodiscard]] std::int64_t hop() const;     ///< samples a latent frame: the product of the ratios
  [[nodiscard]] std::int64_t stride() const;  ///< samples from frame to frame; 0 with one frame
  /// Codebooks that a bandwidth uses. Throws CodecError listing the bandwidths that exist.
  [[nodiscard]] std::int64_t codebooks(double bandwidth) const;
};

/// The published architectures: "encodec_24khz" and "encodec_48khz". Throws CodecError for other names.
[[nodiscard]] EncodecOptions encodec_options(const std::string& name);

/// A stretch of audio as codes: all of it (causal models) or one segment.
struct EncodedFrame {
  torch::Tensor codes;  ///< `[batch, codebook, frame]`, int64
  torch::Tensor
      scale;  ///< `[batch, 1]`: what the decoded audio is multiplied by; undefined without levelling
};

class EncodecNetwork;

/// Meta's neural codec: SEANet encoder and decoder around a residual vector quantiser. The same codes,
/// latents and audio as the official Python to rounding. Thread-compatible: calls do not share state.
///
/// As a Codec, its latents are the sums of the codebook vectors that encoding chose. A model with segments
/// is then coded second after second without overlap (so that latents lie on one grid of time), and its
/// latents have a last channel more: the scale of their second. Codes alone do not say that scale, so only a
/// model without segments has codes as a Codec.
class Encodec final : public Codec {
 public:
  /// Takes the weights under the official package's names (state dict of EncodecModel) or the transformers
  /// library's, weight norm folded or not. Strict: throws CodecError or io::IoError naming every tensor that
  /// is missing, unexpected, of another shape or not finite; `source` says in it where they came from.
  /// `bandwidth` in kbit/s; 0: the highest. `precision` is that of convolutions: float32, or bfloat16, which
  /// is faster and rougher. Throws CodecError for another, and for bfloat16 on a processor without it.
  Encodec(EncodecOptions options, const io::TensorMap& weights, double bandwidth = 0.0,
          torch::Device device = torch::kCPU, const std::string& source = "weights",
          torch::Dtype precision = torch::kFloat32);
  ~Encodec() override;

  torch::Tensor encode(const torch::Tensor& samples) override;
  torch::Tensor decode(const torch::Tensor& latents) override;
  /// "encodec_24khz", with "@6" behind it at 6 kbit/s: nothing at the highest bandwidth.
  std::string name() const override;
  std::optional<double> bit_rate() const override { return bandwidth_; }
  int sample_rate() const override { return options_.sample_rate; }
  int channels() const override { return options_.channels; }
  std::int64_t hop() const override { return options_.hop(); }
  std::int64_t latent_dim() const override { return options_.dimension + (options_.segment > 0 ? 1 : 0); }
  std::int64_t codebooks() const override {
    return options_.segment > 0 ? 0 : options_.codebooks(bandwidth_);
  }
  torch::Tensor encode_codes(const torch::Tensor& samples) override;
  torch::Tensor decode_codes(const torch::Tensor& codes) override;

  [[nodiscard]] const EncodecOptions& options() const { return options_; }
  [[nodiscard]] double bandwidth() const { return bandwidth_; }  ///< kbit/s
  [[nodiscard]] torch::Device device() const { return device_; }

  /// Samples `[batch, channels, sample]` to frames, as EncodecModel.encode.
  [[nodiscard]] std::vector<EncodedFrame> encode_frames(const torch::Tensor& samples) const;
  /// Frames to samples, as EncodecModel.decode; at most a hop longer than what was encoded.
  [[nodiscard]] torch::Tensor decode_frames(const std::vector<EncodedFrame>& frames) const;
  /// Sums of codebook vectors: codes `[batch, codebook, frame]` to latents `[batch, dimension, frame]`.
  /// Throws CodecError for codes that no codebook has.
  [[nodiscard]] torch::Tensor latents_of(const torch::Tensor& codes) const;
  /// What the encoder gives to the quantiser, `[batch, dimension, frame]`: samples as for encode_frames.
  /// Throws CodecError for models with segments.
  [[nodiscard]] torch::Tensor continuous_latents(const torch::Tensor& samples) const;

 private:
  friend class EncodecEncoder;
  friend class EncodecDecoder;
  [[nodiscard]] torch::Tensor encode_seconds(const torch::Tensor& samples) const;
  [[nodiscard]] torch::Tensor decode_seconds(const torch::Tensor& latents) const;

  EncodecOptions options_;
  double bandwidth_;
  torch::Device device_;
  std::shared_ptr<EncodecNetwork> network_;
};

/// A published EnCodec by its name, with "@6" behind it for 6 kbit/s. The weights come from a safetensors
/// file or an official checkpoint: `weights` or, if that is empty, what io::weights_file finds. Throws
/// CodecError and io::IoError as the constructor and these do.
[[nodiscard]] std::shared_ptr<Encodec> load_encodec(const std::string& name,
                                                    torch::Device device = torch::kCPU,
                                                    const std::filesystem::path& weights = {},
                                                    torch::Dtype precision = torch::kFloat32);

}  // namespace partita::codec
