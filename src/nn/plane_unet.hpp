#pragma once

#include <torch/nn.h>

#include <cstdint>
#include <vector>

#include "blocks.hpp"

namespace partita::nn {

inline constexpr std::int64_t kMaskGroups = 8;  ///< that mask networks normalise by

/// Two convolutions of 3 × 3, each behind normalisation and SiLU, with a residual connection.
class PlaneBlockImpl : public torch::nn::Module {
 public:
  PlaneBlockImpl(std::int64_t c_in, std::int64_t c_out);
  /// `[batch, c_in, row, column]` to `[batch, c_out, row, column]`.
  torch::Tensor forward(const torch::Tensor& x);

 private:
  GroupNorm norm_{nullptr}, inner_norm_{nullptr};
  torch::nn::Conv2d conv_{nullptr}, inner_conv_{nullptr}, skip_{nullptr};
};
TORCH_MODULE(PlaneBlock);

/// A U-Net (Ronneberger 2015; on spectrograms Jansson 2017) over the plane of channels and frames: what it
/// learns of one pitch holds for all. A second input tells the rows apart. Each scale halves both sides.
class PlaneUNetImpl : public torch::nn::Module {
 public:
  /// `widths`: channels at each scale.
  PlaneUNetImpl(const std::vector<std::int64_t>& widths, std::int64_t outputs);
  /// `[batch, row, column]` to `[batch, outputs, row, column]`, for planes of any size.
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d in_{nullptr}, out_{nullptr};
  std::vector<PlaneBlock> down_blocks_, middle_, up_blocks_;
  std::vector<torch::nn::Conv2d> downs_;
  std::vector<torch::nn::ConvTranspose2d> ups_;
};
TORCH_MODULE(PlaneUNet);

}  // namespace partita::nn
