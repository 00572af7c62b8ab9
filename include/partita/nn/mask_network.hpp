#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "partita/nn/error.hpp"

namespace partita::nn {

class DilatedBlockImpl;
class PlaneUNetImpl;
class SameConvImpl;

struct MaskNetworkOptions {
  std::int64_t in_dim = 128;
  std::int64_t n_comp = 2;
  /// Of a U-Net over the plane of channels and frames, one a scale, multiples of 8; empty: the dilated stack,
  /// to which what follows belongs.
  std::vector<std::int64_t> widths;
  std::int64_t channels = 160;  ///< width of the residual blocks, a multiple of 8
  std::int64_t kernel = 3;      ///< odd
  std::vector<std::int64_t> dilations{1, 2, 4, 8, 16, 1, 2, 4, 8, 16};  ///< one a residual block
};

/// Says how much of each latent belongs to each component: a U-Net over channels and frames (as in Jansson et
/// al. 2017), which learns what a sound looks like at whatever pitch, or a stack of dilated residual
/// convolutions over frames (as in Conv-TasNet, Luo & Mesgarani 2019), which is cheaper. Throws NetworkError
/// for options that do not fit together and for an x of another shape.
class MaskNetworkImpl : public torch::nn::Module {
 public:
  explicit MaskNetworkImpl(MaskNetworkOptions options);
  /// x `[batch, in_dim, frame]` to masks `[batch, n_comp, in_dim, frame]`, positive and adding up to one.
  torch::Tensor forward(const torch::Tensor& x);
  [[nodiscard]] const MaskNetworkOptions& options() const { return options_; }

 private:
  void build_stack();
  [[nodiscard]] torch::Tensor stack(const torch::Tensor& x);

  MaskNetworkOptions options_;
  std::shared_ptr<PlaneUNetImpl> unet_;  // where there are widths, alone
  std::shared_ptr<SameConvImpl> in_, out_;
  std::vector<std::shared_ptr<DilatedBlockImpl>> blocks_;
};
TORCH_MODULE(MaskNetwork);

}  // namespace partita::nn
