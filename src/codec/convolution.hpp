#pragma once

#include <cstdint>
#include <memory>

#include "layer.hpp"

namespace partita::codec {

/// What all convolutions of a SEANet share.
struct ConvolutionStyle {
  bool causal = true;       ///< all padding on the left; a signal can then come in blocks
  bool group_norm = false;  ///< normalise each item over channels and time: whole signals only
};

/// Weight and bias under the names that the official module gives them: "<kind>.weight", "<kind>.bias" and,
/// with group_norm, "norm.weight" and "norm.bias".
class NormConvolution final : public torch::nn::Module {
 public:
  NormConvolution(const std::string& kind, torch::IntArrayRef weight_shape, std::int64_t out,
                  bool group_norm);
  [[nodiscard]] const torch::Tensor& weight() const { return weight_; }
  [[nodiscard]] const torch::Tensor& bias() const { return bias_; }
  /// Group normalisation if there is any, in place where it can be.
  torch::Tensor normalise(torch::Tensor x) const;

 private:
  torch::Tensor weight_, bias_, norm_weight_, norm_bias_;
};

/// Convolution with reflected ends and output length ceil(length / stride) (official SConv1d).
class Convolution final : public Layer {
 public:
  struct Shape {
    std::int64_t in = 0, out = 0, kernel = 1, stride = 1, dilation = 1;
  };
  Convolution(const Shape& shape, const ConvolutionStyle& style);
  torch::Tensor forward(const torch::Tensor& x, Carry& carry, bool last) override;
  void prepare(torch::Dtype precision) override;

 private:
  [[nodiscard]] torch::Tensor convolved(const torch::Tensor& padded) const;

  Shape shape_;
  ConvolutionStyle style_;
  std::int64_t span_;     ///< input samples under the dilated kernel
  std::int64_t padding_;  ///< span − stride
  std::shared_ptr<NormConvolution> conv_;
  torch::Tensor weight_;  ///< `[out, in, 1, kernel]`, channels last in memory
  torch::Tensor bias_;
};

/// Transposed convolution with kernel 2·stride, trimmed to length · stride (official SConvTranspose1d):
/// computed as a convolution of kernel 2 to stride·out channels, which are stride samples of out channels.
class TransposedConvolution final : public Layer {
 public:
  TransposedConvolution(std::int64_t in, std::int64_t out, std::int64_t stride,
                        const ConvolutionStyle& style);
  torch::Tensor forward(const torch::Tensor& x, Carry& carry, bool last) override;
  void prepare(torch::Dtype precision) override;

 private:
  std::int64_t out_;
  std::int64_t stride_;
  ConvolutionStyle style_;
  std::shared_ptr<NormConvolution> convtr_;
  torch::Tensor taps_;       ///< `[stride · out, in, 1, 2]`, channels last in memory
  torch::Tensor taps_bias_;  ///< `[stride · out]`
};

/// `x` `[batch, sample, channel]` with `left` and `right` samples reflected at its ends. An input too short
/// to reflect is first lengthened with zeros, which are dropped again at the end (official pad1d).
torch::Tensor reflect(const torch::Tensor& x, std::int64_t left, std::int64_t right);

}  // namespace partita::codec
