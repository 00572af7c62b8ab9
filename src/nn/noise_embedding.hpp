#pragma once

#include <torch/nn/modules/container/sequential.h>

#include <cstdint>

namespace partita::nn {

/// The noise level α as a vector: sinusoids of factor·α, then two linear layers (the reference's
/// TimeEmbedding). See UNetOptions::factor.
class NoiseEmbeddingImpl : public torch::nn::Module {
 public:
  NoiseEmbeddingImpl(std::int64_t channels, double factor, bool endpoint);
  /// alpha `[batch]` to `[batch, channels]`.
  torch::Tensor forward(const torch::Tensor& alpha);

 private:
  [[nodiscard]] torch::Tensor sinusoids(const torch::Tensor& alpha) const;

  std::int64_t channels_;
  double factor_;
  bool endpoint_;
  torch::nn::Sequential layers_{nullptr};
};
TORCH_MODULE(NoiseEmbedding);

}  // namespace partita::nn
