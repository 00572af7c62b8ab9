#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "partita/base/error.hpp"

namespace partita::codec {

class CodecError : public Error {
 public:
  using Error::Error;
};

/// Maps waveforms to latents and back. Tensors live on the codec's device.
class Codec {
 public:
  virtual ~Codec() = default;

  /// Waveform `[batch, channels(), sample]` at `sample_rate()` to latents
  /// `[batch, latent_dim(), frame]`, frames = ceil(sample / hop()).
  [[nodiscard]] virtual torch::Tensor encode(const torch::Tensor& samples) = 0;
  /// Latents to a waveform `[batch, channels(), frame · hop()]`.
  [[nodiscard]] virtual torch::Tensor decode(const torch::Tensor& latents) = 0;
  /// How much of each STFT bin's power a latent claims: latents `[batch, latent_dim(), frame]`
  /// to a non-negative power spectrogram `[batch, bins, frame]` with bins = window/2 + 1 spread
  /// evenly over 0 … sample_rate()/2. By default the decoded waveform's STFT; codecs whose
  /// latents are spectra answer directly. Used for masks.
  [[nodiscard]] virtual torch::Tensor power_spectrum(const torch::Tensor& latents, std::int64_t window);

  // Of codecs whose latents are spectra; others throw CodecError. Components and shares are
  // `[batch, component, channel, frame]`, mixtures `[batch, channel, frame]`.

  /// The latents of sounds heard together: powers add.
  [[nodiscard]] virtual torch::Tensor superpose(const torch::Tensor& components);
  /// Each component's share of the components' power; equal shares where there is none.
  [[nodiscard]] virtual torch::Tensor power_shares(const torch::Tensor& components);
  /// The components that have these shares of a mixture's power: if the shares add up to one, they
  /// superpose to the mixture.
  [[nodiscard]] virtual torch::Tensor share_out(const torch::Tensor& mixture, const torch::Tensor& shares);

  /// Codebooks a frame has where latents are sums of codebook vectors; 0: the codec has no codes.
  [[nodiscard]] virtual std::int64_t codebooks() const { return 0; }
  /// As `encode`, to codes `[batch, codebooks(), frame]`, int64. Throws CodecError without codes.
  [[nodiscard]] virtual torch::Tensor encode_codes(const torch::Tensor& /*samples*/) {
    fail<CodecError>("codec '{}' has no codes", name());
  }
  /// Codes to the latents that `encode` gives. Throws CodecError without codes.
  [[nodiscard]] virtual torch::Tensor decode_codes(const torch::Tensor& /*codes*/) {
    fail<CodecError>("codec '{}' has no codes", name());
  }

  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual int sample_rate() const = 0;
  [[nodiscard]] virtual int channels() const = 0;
  [[nodiscard]] virtual std::int64_t hop() const = 0;  ///< samples per latent frame
  [[nodiscard]] virtual std::int64_t latent_dim() const = 0;
  /// kbit/s of the codes behind the latents; nothing for codecs without codes.
  [[nodiscard]] virtual std::optional<double> bit_rate() const { return std::nullopt; }
  [[nodiscard]] double frame_rate() const {
    return static_cast<double>(sample_rate()) / static_cast<double>(hop());
  }
};

/// A codec by its name: "mel" (no download needed), "encodec_24khz" or "encodec_48khz", these also as
/// "encodec_24khz@6" for 6 kbit/s. "mel" decodes with the vocoder "mel-vocoder" where there is a model of
/// that name, "mel@NAME" with another, "mel@griffin-lim" without. EnCodec's weights come from `weights` or,
/// if that is empty, from the home folder (io::weights_file). Throws CodecError listing the names that
/// exist, io::IoError for weights that are missing (saying how to fetch them) or broken.
[[nodiscard]] std::shared_ptr<Codec> make_codec(const std::string& name, torch::Device device = torch::kCPU,
                                                const std::filesystem::path& weights = {});

}  // namespace partita::codec
