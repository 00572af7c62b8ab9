#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "partita/baselines/baseline.hpp"
#include "partita/io/config.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/safetensors.hpp"

namespace torch::nn {
class SequentialImpl;
}

namespace partita::baselines {

class BidirectionalLstmImpl;
class SincResampler;

/// The original's options under its names; the defaults are those of the official checkpoints.
struct DemucsOptions {
  std::vector<std::string> sources{"drums", "bass", "other", "vocals"};
  std::int64_t audio_channels = 2;
  int sample_rate = 44100;
  std::int64_t channels = 64;  ///< of the outermost level
  std::int64_t depth = 6;      ///< levels of encoder and decoder
  std::int64_t kernel_size = 8;
  std::int64_t stride = 4;
  double growth = 2.0;            ///< of the channels from level to level
  std::int64_t lstm_layers = 2;   ///< 0: no LSTM
  std::int64_t context = 3;       ///< kernel of the decoder's convolutions
  double rescale = 0.1;           ///< deviation towards which first weights are drawn; 0: as they are
  bool resample = true;           ///< the network works at twice the sample rate
  bool normalize = false;         ///< each input by the mean and deviation of its channels' mean
  double segment_seconds = 10.0;  ///< longer sounds are separated in segments of so many
};

/// Reads [demucs] of a configuration's root or of a model's card: all but the sources, the channels of the
/// audio and its rate. Throws io::IoError naming the key.
[[nodiscard]] DemucsOptions demucs_options(const io::Config& config);
/// The same as TOML text, table [demucs].
[[nodiscard]] std::string to_toml(const DemucsOptions& options);

/// Demucs, version 2 (Défossez et al. 2021, arXiv:1911.13254; demucs/model.py of facebookresearch/demucs): on
/// waveforms, an encoder of strided convolutions, a bidirectional LSTM, a decoder of transposed convolutions
/// with skip connections. Parameters have the original's names. Throws BaselineError for options that make
/// no network.
class DemucsImpl : public torch::nn::Module {
 public:
  explicit DemucsImpl(DemucsOptions options);
  ~DemucsImpl() override;
  DemucsImpl(const DemucsImpl&) = delete;
  DemucsImpl& operator=(const DemucsImpl&) = delete;

  /// Mixtures `[batch, audio channel, n]` to sources `[batch, source, audio channel, m]`, which stand for the
  /// middle m of the n samples; m is at least what n is the valid length of. Differentiable. Throws
  /// BaselineError for another shape and for n below valid_length(1).
  torch::Tensor forward(const torch::Tensor& mixture);
  /// The number of samples, at least `length`, from which the network makes `length` or a few more, with none
  /// left over in any of its convolutions.
  [[nodiscard]] std::int64_t valid_length(std::int64_t length) const;
  [[nodiscard]] const DemucsOptions& options() const { return options_; }

 private:
  [[nodiscard]] torch::Tensor layers(torch::Tensor x);

  DemucsOptions options_;
  std::vector<std::shared_ptr<torch::nn::SequentialImpl>> encoder_, decoder_;
  std::shared_ptr<BidirectionalLstmImpl> lstm_;  ///< null without layers
  std::unique_ptr<SincResampler> up_, down_;     ///< null where the network works at the sample rate
};
TORCH_MODULE(Demucs);

/// The middle `length` samples of `[..., sample]`; the odd one is left out on the right.
[[nodiscard]] torch::Tensor middle(const torch::Tensor& samples, std::int64_t length);

/// Sources `[source, audio channel, sample]` of a mixture `[audio channel, sample]` of any length at the
/// network's own rate, on the CPU: in segments that overlap by the share `overlap`, each with what stands
/// beside it as context, joined with triangular weights (the original's apply_model). Silence stays silent.
/// Throws BaselineError for another shape and for samples that are NaN or infinite, Interrupted between
/// segments.
[[nodiscard]] torch::Tensor separate_segments(DemucsImpl& network, const torch::Tensor& mixture,
                                              double overlap = 0.25);

/// The same of `[channel, sample]` at any rate: `[source, channel, sample]`. A network of one channel takes
/// each channel by itself; one of two takes mono twice and gives the mean. Throws BaselineError for other
/// counts.
[[nodiscard]] torch::Tensor separate(DemucsImpl& network, const torch::Tensor& samples, int sample_rate,
                                     double overlap = 0.25);

/// The kind of Demucs's model folders: their cards hold `name`, `kind`, `components` (the sources),
/// `sample_rate`, `audio_channels` and [demucs].
inline constexpr const char* kDemucsKind = "demucs";

/// A model folder, in evaluation mode. Throws BaselineError for another kind, io::IoError for broken files.
[[nodiscard]] Demucs load_demucs(const io::ModelFolder& folder, torch::Device device);
/// An official checkpoint of version 2 by its weights, whose shapes tell the sizes; `what` names them in
/// errors. It was trained on songs normalised as wholes; here every segment is, so that songs of any length
/// take bounded memory. Throws BaselineError for weights of another network, io::IoError for some that do
/// not fit together.
[[nodiscard]] Demucs load_demucs(const io::TensorMap& weights, const std::string& what, torch::Device device);

}  // namespace partita::baselines
