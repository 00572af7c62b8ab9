#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

#include "partita/nn/error.hpp"

namespace partita::nn {

struct VectorQuantizerOptions {
  std::int64_t codes = 512;
  std::int64_t dimension = 32;
  double decay = 0.99;  ///< of the moving averages that the codebook follows
};

/// A codebook that follows the vectors it stands for by exponential moving averages (van den Oord et al.
/// 2017, appendix A.1), begun by k-means on the first vectors it sees; codes that fall out of use begin anew
/// at vectors of the batch. What it draws comes from LibTorch's default generator. Throws NetworkError for
/// options out of range and for tensors of other shapes.
class VectorQuantizerImpl : public torch::nn::Module {
 public:
  explicit VectorQuantizerImpl(VectorQuantizerOptions options);

  struct Quantized {
    torch::Tensor vectors;     ///< as the input; the gradient passes straight through
    torch::Tensor codes;       ///< `[vector]`, int64
    torch::Tensor commitment;  ///< mean squared distance of the input to its codes' vectors
  };
  /// Vectors `[vector, dimension]`. In training the codebook moves, after these were quantised.
  Quantized forward(const torch::Tensor& vectors);
  /// The nearest codes `[vector]` of vectors `[vector, dimension]`.
  [[nodiscard]] torch::Tensor encode(const torch::Tensor& vectors) const;
  /// Codes of any shape to their vectors `[..., dimension]`.
  [[nodiscard]] torch::Tensor decode(const torch::Tensor& codes) const;
  [[nodiscard]] const VectorQuantizerOptions& options() const { return options_; }

 private:
  void begin(const torch::Tensor& vectors);
  void follow(const torch::Tensor& vectors, const torch::Tensor& codes);
  void revive(const torch::Tensor& vectors);
  void check(const torch::Tensor& vectors) const;

  VectorQuantizerOptions options_;
  torch::Tensor embed_;         ///< `[code, dimension]`
  torch::Tensor cluster_size_;  ///< averaged vectors of each code in a batch, `[code]`
  torch::Tensor embed_sum_;     ///< their averaged sum, `[code, dimension]`
  torch::Tensor begun_;         ///< 1 once the codebook has vectors, `[]`, int64
};
TORCH_MODULE(VectorQuantizer);

}  // namespace partita::nn
