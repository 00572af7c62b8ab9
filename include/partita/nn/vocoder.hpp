#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "partita/nn/error.hpp"

namespace partita::nn {

class ChannelNormImpl;
class ConvNextBlockImpl;
class SameConvImpl;

struct VocoderOptions {
  std::int64_t in_dim = 128;
  std::int64_t out_dim = 2050;
  std::int64_t channels = 256;   ///< width of the residual blocks
  std::int64_t blocks = 8;       ///< how many of them
  std::int64_t kernel = 7;       ///< of their depthwise convolutions, odd
  std::int64_t expansion = 512;  ///< width of their pointwise layers
};

/// The backbone of Vocos (Siuzdak 2023, arXiv:2306.00814) between two pointwise layers: ConvNeXt blocks on
/// frames, so that time never changes its rate. Throws NetworkError for options that do not fit together and
/// for an x of another shape.
class VocoderImpl : public torch::nn::Module {
 public:
  explicit VocoderImpl(VocoderOptions options);
  /// x `[batch, in_dim, frame]` to `[batch, out_dim, frame]`, near zero before training.
  torch::Tensor forward(const torch::Tensor& x);
  [[nodiscard]] const VocoderOptions& options() const { return options_; }

 private:
  VocoderOptions options_;
  std::shared_ptr<SameConvImpl> in_, out_;
  std::shared_ptr<ChannelNormImpl> in_norm_, out_norm_;
  std::vector<std::shared_ptr<ConvNextBlockImpl>> blocks_;
};
TORCH_MODULE(Vocoder);

}  // namespace partita::nn
