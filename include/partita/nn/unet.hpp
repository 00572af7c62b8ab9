#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "partita/nn/error.hpp"

namespace partita::nn {

class BottleneckBlockImpl;
class DecoderBlockImpl;
class EncoderBlockImpl;
class NoiseEmbeddingImpl;
class SameConvImpl;

/// Options of the reference's `UNet` (paper section 4, "Architectures"), under its names.
struct UNetOptions {
  std::vector<std::int64_t> channels{128, 128, 256, 256, 512};  ///< channels[0]: the data's
  std::vector<std::int64_t> kernels{5, 3, 3, 3};
  std::vector<std::int64_t> strides{2, 2, 2, 2};
  std::vector<bool> attn{false, false, false, true};  ///< self-attention after each level's block
  std::int64_t cond_dim = 128;                        ///< width of the noise-level embedding (FiLM)
  std::int64_t tcond_dim = 1;  ///< channels of the time condition concatenated in every block; 0: none
  /// α is multiplied by this before the sinusoids (paper section 4). The published code passes factor
  /// and endpoint to its sinusoids in each other's place, so that α is multiplied by 0 and its networks
  /// never see the noise level; `factor = 0, endpoint = true` reproduces that, for weights trained by it.
  double factor = 1000.0;
  bool endpoint = false;            ///< whether the sinusoids' lowest frequency is 1/10000 exactly
  std::string norm = "gn";          ///< "gn" (16 groups), "bn", "none"
  std::string activation = "silu";  ///< "relu", "silu", "leaky", "snake", "tanh", "id"
  std::string skip_type = "cat";    ///< "cat", "add", "none"
  double p_drop = 0.1;
  bool bias = true;
  bool use_nearest = false;  ///< nearest upsampling + convolution instead of transposed convolution
};

/// 1-D U-Net with residual blocks, group normalisation, FiLM on the noise level and
/// self-attention; parameter names are the reference's. Throws NetworkError for options that do not fit
/// together and for tensors of other shapes.
class UNetImpl : public torch::nn::Module {
 public:
  explicit UNetImpl(UNetOptions options);

  /// x `[batch, channels[0], frame]`, frames a multiple of `frame_multiple()`; alpha `[batch]` in
  /// [0, 1]; condition `[batch, tcond_dim, any frames]` (undefined when tcond_dim is 0), brought to
  /// each level's length by nearest-exact interpolation. Returns `[batch, channels[0], frame]`.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& alpha,
                        const torch::Tensor& condition = {});

  /// The product of the strides.
  [[nodiscard]] std::int64_t frame_multiple() const;
  [[nodiscard]] const UNetOptions& options() const { return options_; }

 private:
  UNetOptions options_;
  std::shared_ptr<NoiseEmbeddingImpl> noise_emb_;
  std::vector<std::shared_ptr<EncoderBlockImpl>> encoders_;
  std::shared_ptr<BottleneckBlockImpl> bottleneck_;
  std::vector<std::shared_ptr<DecoderBlockImpl>> decoders_;  ///< from the lowest level up
  std::shared_ptr<SameConvImpl> out_;
};
TORCH_MODULE(UNet);

}  // namespace partita::nn
