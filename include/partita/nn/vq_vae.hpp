#pragma once

#include <memory>
#include <vector>

#include "partita/nn/vector_quantizer.hpp"

namespace torch::nn {
class Conv2dImpl;
}

namespace partita::nn {

class PatchBlockImpl;

struct VqVaeOptions {
  std::int64_t in_dim = 128;   ///< channels of x
  std::int64_t bands = 16;     ///< channels a code stands for; divides in_dim
  std::int64_t frames = 4;     ///< frames a code stands for
  std::int64_t channels = 96;  ///< width of the residual blocks
  std::int64_t blocks = 2;     ///< how many of them on either side
  VectorQuantizerOptions quantizer;
};

/// A VQ-VAE (van den Oord et al. 2017) of pictures of channels and frames, non-negative ones: patches of
/// `bands` by `frames` values, a few residual blocks of convolutions over neighbouring patches, one code a
/// patch, and back. No normalisation: a patch's code depends on its neighbourhood alone. Throws NetworkError
/// for options that do not fit together and for tensors of other shapes.
class VqVaeImpl : public torch::nn::Module {
 public:
  explicit VqVaeImpl(VqVaeOptions options);

  struct Coded {
    torch::Tensor reconstruction;  ///< as x
    torch::Tensor codes;           ///< `[batch, position]`
    torch::Tensor commitment;      ///< scalar
  };
  /// x `[batch, in_dim, frame]`, whole patches of frames.
  Coded forward(const torch::Tensor& x);
  /// x to codes `[batch, position]`, position = step · rows() + row: row by row, then on in time.
  [[nodiscard]] torch::Tensor encode(const torch::Tensor& x);
  /// Codes `[batch, position]`, whole steps, to `[batch, in_dim, frame]`.
  [[nodiscard]] torch::Tensor decode(const torch::Tensor& codes);
  [[nodiscard]] std::int64_t rows() const { return options_.in_dim / options_.bands; }
  [[nodiscard]] const VqVaeOptions& options() const { return options_; }

 private:
  [[nodiscard]] torch::Tensor vectors_of(const torch::Tensor& x);
  [[nodiscard]] torch::Tensor picture_of(const torch::Tensor& vectors, std::int64_t batch);

  VqVaeOptions options_;
  std::shared_ptr<torch::nn::Conv2dImpl> in_, to_code_, from_code_, out_;
  std::vector<std::shared_ptr<PatchBlockImpl>> encoder_, decoder_;
  torch::Tensor encoder_rows_, decoder_rows_;  ///< what a row adds, `[channels, row, 1]`
  VectorQuantizer quantizer_{nullptr};
};
TORCH_MODULE(VqVae);

}  // namespace partita::nn
