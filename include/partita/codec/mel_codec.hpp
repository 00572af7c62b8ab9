#pragma once

#include <filesystem>
#include <memory>

#include "partita/audio/stft.hpp"
#include "partita/codec/codec.hpp"

namespace partita::codec {

struct MelCodecOptions {
  int sample_rate = 24000;
  std::int64_t window = 2048;
  std::int64_t hop = 320;  ///< 75 Hz
  std::int64_t bands = 128;
  double compression = 0.5;  ///< exponent on band magnitudes
  /// Latents are divided by this, which makes their deviation one: measured on 2,062 rendered
  /// drums+bass mixtures of 7 s (each stem at RMS 0.1, mixture = mean).
  double scale = 0.854;
  int griffin_lim_iterations = 60;
};

/// Latents of sounds that have nothing to do with each other, `[batch, component, channel, frame]`, as those
/// of their mixture: powers add up.
[[nodiscard]] torch::Tensor add_powers(const torch::Tensor& components,
                                       double compression = MelCodecOptions().compression);

class MelVocoderImpl;

/// Compressed mel magnitudes as latents: non-negative, nearly additive, no weights to download.
/// Decoded by fast Griffin-Lim (Perraudin 2013) from a deterministic start, or by a network (MelVocoder).
class MelCodec final : public Codec {
 public:
  /// `vocoder`: the folder of a MelVocoder, read when something is decoded for the first time; empty:
  /// Griffin-Lim alone.
  explicit MelCodec(const MelCodecOptions& options = {}, torch::Device device = torch::kCPU,
                    std::filesystem::path vocoder = {});

  torch::Tensor encode(const torch::Tensor& samples) override;
  /// Throws CodecError or io::IoError for a vocoder that cannot be used.
  torch::Tensor decode(const torch::Tensor& latents) override;
  /// Latents to `[batch, frame · hop()]`, by Griffin-Lim.
  [[nodiscard]] torch::Tensor griffin_lim(const torch::Tensor& latents) const;
  /// The same at once, by phases that advance with the partials (SPSI, Beauregard, Harish & Wyse 2015):
  /// rougher, but of the right pitch. What a vocoder starts from.
  [[nodiscard]] torch::Tensor single_pass(const torch::Tensor& latents) const;
  torch::Tensor power_spectrum(const torch::Tensor& latents, std::int64_t window) override;
  torch::Tensor superpose(const torch::Tensor& components) override;
  torch::Tensor power_shares(const torch::Tensor& components) override;
  torch::Tensor share_out(const torch::Tensor& mixture, const torch::Tensor& shares) override;
  std::string name() const override { return "mel"; }
  int sample_rate() const override { return options_.sample_rate; }
  int channels() const override { return 1; }
  std::int64_t hop() const override { return options_.hop; }
  std::int64_t latent_dim() const override { return options_.bands; }
  [[nodiscard]] const MelCodecOptions& options() const { return options_; }

 private:
  [[nodiscard]] torch::Tensor band_powers(const torch::Tensor& latents) const;
  [[nodiscard]] torch::Tensor magnitudes(const torch::Tensor& latents) const;

  MelCodecOptions options_;
  torch::Device device_;
  audio::Stft stft_;
  torch::Tensor filters_;  ///< `[band, bin]`
  torch::Tensor spread_;   ///< `[bin, band]`
  std::filesystem::path vocoder_folder_;
  std::shared_ptr<MelVocoderImpl> vocoder_;
};

}  // namespace partita::codec
