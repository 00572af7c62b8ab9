#include "convolution.hpp"

#include <algorithm>

#include "partita/codec/codec.hpp"
#include "time_group_norm.hpp"

namespace partita::codec {
namespace {

constexpr double kNormEpsilon = 1e-5;

/// How many samples `length` lacks to a multiple of `stride`.
std::int64_t lack(std::int64_t length, std::int64_t stride) { return (stride - length % stride) % stride; }

torch::Tensor joined(const std::vector<torch::Tensor>& held, const torch::Tensor& x) {
  return held.empty() || held.front().size(1) == 0 ? x : torch::cat({held.front(), x}, 1);
}

/// A weight `[out, in, kernel]` as oneDNN wants it for signals `[batch, sample, channel]`.
torch::Tensor two_dimensional(const torch::Tensor& weight, torch::Dtype precision) {
  return weight.unsqueeze(2).to(precision).contiguous(torch::MemoryFormat::ChannelsLast);
}

/// Convolution of `[batch, sample, in]` to `[batch, sample, out]`: of a picture one sample high, whose
/// channels come last in memory; in the precision of the weight.
torch::Tensor convolve(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                       std::int64_t stride, std::int64_t dilation) {
  const torch::Tensor y = torch::conv2d(x.to(weight.scalar_type()).transpose(1, 2).unsqueeze(2), weight, bias,
                                        {1, stride}, torch::IntArrayRef{0, 0}, {1, dilation});
  return y.squeeze(2).transpose(1, 2).contiguous().to(x.scalar_type());
}

}  // namespace

torch::Tensor reflect(const torch::Tensor& x, std::int64_t left, std::int64_t right) {
  if (left == 0 && right == 0) return x;
  const std::int64_t extra = std::max<std::int64_t>(0, std::max(left, right) - x.size(1) + 1);
  const torch::Tensor signal = extra > 0 ? torch::constant_pad_nd(x, {0, 0, 0, extra}) : x;
  const std::int64_t length = signal.size(1);
  const torch::Tensor padded = torch::cat(
      {signal.narrow(1, 1, left).flip(1), signal, signal.narrow(1, length - 1 - right, right).flip(1)}, 1);
  return extra > 0 ? padded.narrow(1, 0, padded.size(1) - extra) : padded;
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
  if (!norm_weight_.defined()) return x;
  if (x.is_cpu() && x.scalar_type() == torch::kFloat32) {
    normalise_in_place(x, norm_weight_, norm_bias_, kNormEpsilon);
    return x;
  }
  return torch::group_norm(x.transpose(1, 2).contiguous(), 1, norm_weight_, norm_bias_, kNormEpsilon)
      .transpose(1, 2)
      .contiguous();
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

void Convolution::prepare(torch::Dtype precision) {
  weight_ = two_dimensional(conv_->weight(), precision);
  bias_ = conv_->bias().to(precision);
}

torch::Tensor Convolution::convolved(const torch::Tensor& padded) const {
  if (padded.size(1) < span_) return padded.new_empty({padded.size(0), 0, shape_.out});
  return conv_->normalise(convolve(padded, weight_, bias_, shape_.stride, shape_.dilation));
}

torch::Tensor Convolution::forward(const torch::Tensor& x, Carry& carry, bool last) {
  if (!style_.causal) {
    const std::int64_t right = padding_ / 2;
    return convolved(reflect(x, padding_ - right, right + lack(x.size(1), shape_.stride)));
  }
  torch::Tensor signal = joined(carry.held, x);
  if (!carry.started && !last && signal.size(1) <= padding_) {  // too short to be reflected
    carry.held = {signal};
    return x.new_empty({x.size(0), 0, shape_.out});
  }
  const std::int64_t left = carry.started ? 0 : padding_;
  carry.started = true;
  const std::int64_t length = signal.size(1) + left - padding_;
  signal = reflect(signal, left, last ? lack(length, shape_.stride) : 0);
  const std::int64_t used = (signal.size(1) - padding_) / shape_.stride * shape_.stride;
  // A copy, lest the whole block is kept.
  carry.held = {signal.narrow(1, used, signal.size(1) - used).clone()};
  return convolved(signal);
}

TransposedConvolution::TransposedConvolution(std::int64_t in, std::int64_t out, std::int64_t stride,
                                             const ConvolutionStyle& style)
    : out_(out),
      stride_(stride),
      style_(style),
      convtr_(register_module(
          "convtr", std::make_shared<NormConvolution>(
                        "convtr", std::vector<std::int64_t>{in, out, 2 * stride}, out, style.group_norm))) {}

void TransposedConvolution::prepare(torch::Dtype precision) {
  const torch::Tensor& weight = convtr_->weight();
  // Output i·stride + r is the sum of tap r of input i and tap stride + r of input i − 1.
  const auto taps = [&](std::int64_t from) {
    return weight.narrow(2, from, stride_).permute({2, 1, 0}).reshape({stride_ * out_, weight.size(0)});
  };
  taps_ = two_dimensional(torch::stack({taps(stride_), taps(0)}, 2), precision);
  taps_bias_ = convtr_->bias().repeat(stride_).to(precision);
}

torch::Tensor TransposedConvolution::forward(const torch::Tensor& x, Carry& carry, bool /*last*/) {
  const std::int64_t frames = x.size(1);
  if (frames == 0) return x.new_empty({x.size(0), 0, out_});
  torch::Tensor signal;
  if (style_.causal) {
    signal = carry.held.empty() ? torch::constant_pad_nd(x, {0, 0, 1, 0}) : joined(carry.held, x);
    carry.held = {x.narrow(1, frames - 1, 1).clone()};
  } else {
    signal = torch::constant_pad_nd(x, {0, 0, 1, 1});
  }
  const torch::Tensor y = convolve(signal, taps_, taps_bias_, 1, 1);
  const torch::Tensor samples = convtr_->normalise(y.view({y.size(0), y.size(1) * stride_, out_}));
  return style_.causal ? samples : samples.narrow(1, stride_ - stride_ / 2, frames * stride_);
}

}  // namespace partita::codec
