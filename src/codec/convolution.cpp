#include "convolution.hpp"

#include <algorithm>

#include "partita/codec/codec.hpp"

namespace partita::codec {
namespace {

constexpr double kNormEpsilon = 1e-5;

/// How many samples `length` lacks to a multiple of `stride`.
std::int64_t lack(std::int64_t length, std::int64_t stride) { return (stride - length % stride) % stride; }

torch::Tensor joined(const std::vector<torch::Tensor>& held, const torch::Tensor& x) {
  return held.empty() || held.front().size(2) == 0 ? x : torch::cat({held.front(), x}, 2);
}

}  // namespace

torch::Tensor reflect(const torch::Tensor& x, std::int64_t left, std::int64_t right) {
  if (left == 0 && right == 0) return x;
  const std::int64_t length = x.size(2);
  const std::int64_t extra = std::max<std::int64_t>(0, std::max(left, right) - length + 1);
  const torch::Tensor long_enough = extra > 0 ? torch::constant_pad_nd(x, {0, extra}) : x;
  const torch::Tensor padded = torch::reflection_pad1d(long_enough, {left, right});
  return extra > 0 ? padded.narrow(2, 0, padded.size(2) - extra) : padded;
}

NormConvolution::NormConvolution(const std::string& kind, torch::IntArrayRef weight_shape, std::int64_t out,
                                 bool group_norm) {
  const auto add = [this](const std::string& name) {
    return register_module(name, std::make_shared<torch::nn::Module>());
  };
  const auto conv = add(kind);
  weight_ = empty_parameter(*conv, "weight", weight_shape);
  bias_ = empty_parameter(*conv, "bias", {out});
  if (!group_norm) return;
  const auto norm = add("norm");
  norm_weight_ = empty_parameter(*norm, "weight", {out});
  norm_bias_ = empty_parameter(*norm, "bias", {out});
}

torch::Tensor NormConvolution::normalise(torch::Tensor x) const {
  return norm_weight_.defined() ? torch::group_norm(x, 1, norm_weight_, norm_bias_, kNormEpsilon) : x;
}

Convolution::Convolution(const Shape& shape, const ConvolutionStyle& style)
    : shape_(shape),
      style_(style),
      span_((shape.kernel - 1) * shape.dilation + 1),
      padding_(span_ - shape.stride),
      conv_(register_module("conv", std::make_shared<NormConvolution>(
                                        "conv", std::vector<std::int64_t>{shape.out, shape.in, shape.kernel},
                                        shape.out, style.group_norm))) {
  // The end of a stream is reflected from the samples that the left context holds.
  if (padding_ < 0 || (shape.stride > 1 && padding_ < shape.stride)) {
    fail<CodecError>(
        "convolution: kernel {} with dilation {} is too short for stride {}, expected twice that",
        shape.kernel, shape.dilation, shape.stride);
  }
}

torch::Tensor Convolution::convolve(const torch::Tensor& padded) const {
  if (padded.size(2) < span_) return padded.new_empty({padded.size(0), shape_.out, 0});
  return conv_->normalise(torch::conv1d(padded, conv_->weight(), conv_->bias(), shape_.stride,
                                        torch::IntArrayRef{0}, shape_.dilation));
}

torch::Tensor Convolution::forward(const torch::Tensor& x, Carry& carry, bool last) {
  if (!style_.causal) {
    const std::int64_t right = padding_ / 2;
    return convolve(reflect(x, padding_ - right, right + lack(x.size(2), shape_.stride)));
  }
  torch::Tensor signal = joined(carry.held, x);
  if (!carry.started && !last && signal.size(2) <= padding_) {  // too short to be reflected
    carry.held = {signal};
    return x.new_empty({x.size(0), shape_.out, 0});
  }
  const std::int64_t left = carry.started ? 0 : padding_;
  carry.started = true;
  const std::int64_t length = signal.size(2) + left - padding_;
  signal = reflect(signal, left, last ? lack(length, shape_.stride) : 0);
  const std::int64_t used = (signal.size(2) - padding_) / shape_.stride * shape_.stride;
  // A copy, lest the whole block is kept.
  carry.held = {signal.narrow(2, used, signal.size(2) - used).clone()};
  return convolve(signal);
}

TransposedConvolution::TransposedConvolution(std::int64_t in, std::int64_t out, std::int64_t stride,
                                             const ConvolutionStyle& style)
    : out_(out),
      stride_(stride),
      style_(style),
      convtr_(register_module(
          "convtr", std::make_shared<NormConvolution>(
                        "convtr", std::vector<std::int64_t>{in, out, 2 * stride}, out, style.group_norm))) {}

void TransposedConvolution::prepare() {
  const torch::Tensor& weight = convtr_->weight();
  // Output i·stride + r is the sum of tap r of input i and tap stride + r of input i − 1.
  const auto taps = [&](std::int64_t from) {
    return weight.narrow(2, from, stride_).permute({1, 2, 0}).reshape({out_ * stride_, weight.size(0)});
  };
  taps_ = torch::stack({taps(stride_), taps(0)}, 2).contiguous();
  taps_bias_ = convtr_->bias().unsqueeze(1).expand({out_, stride_}).reshape(-1);
}

torch::Tensor TransposedConvolution::forward(const torch::Tensor& x, Carry& carry, bool /*last*/) {
  const std::int64_t frames = x.size(2);
  if (frames == 0) return x.new_empty({x.size(0), out_, 0});
  torch::Tensor signal;
  if (style_.causal) {
    signal = carry.held.empty() ? torch::constant_pad_nd(x, {1, 0}) : joined(carry.held, x);
    carry.held = {x.narrow(2, frames - 1, 1).clone()};
  } else {
    signal = torch::constant_pad_nd(x, {1, 1});
  }
  const torch::Tensor y = torch::conv1d(signal, taps_, taps_bias_);
  const torch::Tensor samples =
      y.view({y.size(0), out_, stride_, y.size(2)}).transpose(2, 3).reshape({y.size(0), out_, -1});
  if (style_.causal) return convtr_->normalise(samples);
  const std::int64_t left = stride_ - stride_ / 2;
  return convtr_->normalise(samples).narrow(2, left, frames * stride_);
}

}  // namespace partita::codec
