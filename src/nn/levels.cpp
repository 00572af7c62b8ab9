#include "levels.hpp"

#include "partita/base/join.hpp"

namespace partita::nn {
namespace {

torch::nn::AnyModule make_down(const LevelOptions& level, bool bias) {
  if (level.stride == 1) {
    return torch::nn::AnyModule(SameConv(level.in_c, level.out_c, 3, bias));
  }
  return torch::nn::AnyModule(downsample_conv(level.in_c, level.out_c, level.stride));
}

torch::nn::AnyModule make_up(const LevelOptions& level, bool use_nearest, bool bias) {
  if (level.stride == 1) {
    return torch::nn::AnyModule(SameConv(level.in_c, level.out_c, 3, bias));
  }
  if (use_nearest) {
    return torch::nn::AnyModule(NearestUpsample(level.in_c, level.out_c, level.stride, bias));
  }
  return torch::nn::AnyModule(upsample_conv(level.in_c, level.out_c, level.stride, bias));
}

}  // namespace

EncoderBlockImpl::EncoderBlockImpl(const LevelOptions& level, const BlockStyle& style) {
  conv_ = register_module("conv", ResConvBlock(level.in_c, level.in_c, level.kernel, style));
  if (level.use_attn) {
    attn_ = register_module("attn", SelfAttention1d(level.in_c));
  }
  down_ = make_down(level, style.bias);
  register_module("down", down_.ptr());
}

std::pair<torch::Tensor, torch::Tensor> EncoderBlockImpl::forward(const torch::Tensor& x,
                                                                  const torch::Tensor& cond,
                                                                  const torch::Tensor& time_cond) {
  torch::Tensor h = conv_->forward(x, cond, time_cond);
  if (attn_) {
    h = attn_->forward(h);
  }
  torch::Tensor down = down_.forward(h);
  return {std::move(down), std::move(h)};
}

BottleneckBlockImpl::BottleneckBlockImpl(const LevelOptions& level, const BlockStyle& style) {
  conv_ = register_module("conv", ResConvBlock(level.in_c, level.out_c, level.kernel, style));
  if (level.use_attn) {
    attn_ = register_module("attn", SelfAttention1d(level.out_c));
  }
}

torch::Tensor BottleneckBlockImpl::forward(const torch::Tensor& x, const torch::Tensor& cond,
                                           const torch::Tensor& time_cond) {
  torch::Tensor h = conv_->forward(x, cond, time_cond);
  return attn_ ? attn_->forward(h) : h;
}

DecoderBlockImpl::DecoderBlockImpl(const LevelOptions& level, const BlockStyle& style,
                                   const std::string& skip_type, bool use_nearest)
    : skip_type_(skip_type), up_(make_up(level, use_nearest, style.bias)) {
  register_module("up", up_.ptr());
  const std::int64_t c_in = skip_type_ == "cat" ? 2 * level.out_c : level.out_c;
  conv_ = register_module("conv", ResConvBlock(c_in, level.out_c, level.kernel, style));
  if (level.use_attn) {
    attn_ = register_module("attn", SelfAttention1d(level.out_c));
  }
}

torch::Tensor DecoderBlockImpl::forward(const torch::Tensor& x, const torch::Tensor& skip,
                                        const torch::Tensor& cond, const torch::Tensor& time_cond) {
  torch::Tensor h = up_.forward(x);
  if (skip_type_ == "cat") {
    h = partita::cat({h, skip}, 1);
  } else if (skip_type_ == "add") {
    h.add_(skip);
  }
  h = conv_->forward(h, cond, time_cond);
  return attn_ ? attn_->forward(h) : h;
}

}  // namespace partita::nn
