#include "blocks.hpp"

#include <ATen/ops/_upsample_nearest_exact1d.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "partita/base/join.hpp"
#include "partita/nn/error.hpp"
#include "partita/nn/winograd.hpp"

namespace partita::nn {
namespace {

constexpr std::int64_t kGroups = 16;
constexpr std::int64_t kHeadDim = 32;
constexpr double kLeakySlope = 0.2;
constexpr double kNoDivisionByZero = 1e-9;

}  // namespace

void check_norm(const std::string& norm) {
  if (norm == "ln") {
    fail<NetworkError>(
        "norm 'ln': layer normalisation is not defined on [batch, channel, frame] (the reference fails "
        "too); use 'gn', 'bn' or 'none'");
  }
  if (norm != "gn" && norm != "bn" && norm != "none") {
    fail<NetworkError>("norm '{}' is unknown; use 'gn', 'bn' or 'none'", norm);
  }
}

void check_activation(const std::string& activation) {
  static const std::vector<std::string> known{"relu", "silu", "leaky", "snake", "tanh", "id"};
  if (std::find(known.begin(), known.end(), activation) == known.end()) {
    fail<NetworkError>("activation '{}' is unknown; use one of {}", activation, fmt::join(known, ", "));
  }
}

void check_dropout(double p_drop) {
  if (!(p_drop >= 0.0 && p_drop < 1.0)) {
    fail<NetworkError>("p_drop is {}, expected a probability in [0, 1)", p_drop);
  }
}

torch::nn::AnyModule make_norm(const std::string& norm, std::int64_t channels) {
  check_norm(norm);
  if (norm == "bn") {
    return torch::nn::AnyModule(torch::nn::BatchNorm1d(channels));
  }
  const std::int64_t groups = std::min(kGroups, channels);
  if (norm == "gn" && channels % groups == 0) {
    return torch::nn::AnyModule(GroupNorm(groups, channels));
  }
  return torch::nn::AnyModule(torch::nn::Identity());
}

torch::nn::AnyModule make_activation(const std::string& activation, std::int64_t channels) {
  check_activation(activation);
  if (activation == "relu") {
    return torch::nn::AnyModule(torch::nn::ReLU());
  }
  if (activation == "silu") {
    return torch::nn::AnyModule(torch::nn::SiLU());
  }
  if (activation == "leaky") {
    return torch::nn::AnyModule(
        torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions().negative_slope(kLeakySlope)));
  }
  if (activation == "snake") {
    return torch::nn::AnyModule(SnakeBeta(channels));
  }
  if (activation == "tanh") {
    return torch::nn::AnyModule(torch::nn::Tanh());
  }
  return torch::nn::AnyModule(torch::nn::Identity());
}

namespace {

torch::nn::Conv1dOptions same_options(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel, bool bias) {
  torch::nn::Conv1dOptions options(c_in, c_out, kernel);
  if (kernel % 2 == 1) {
    options.padding(kernel / 2);
  } else {
    options.padding(torch::kSame);
  }
  return options.bias(bias);
}

}  // namespace

SameConvImpl::SameConvImpl(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel, bool has_bias)
    : torch::nn::Conv1dImpl(same_options(c_in, c_out, kernel, has_bias)) {}

torch::Tensor SameConvImpl::forward(const torch::Tensor& x) {
  return winograd_fits(x, weight) ? winograd_conv1d(x, weight, bias) : torch::nn::Conv1dImpl::forward(x);
}

torch::nn::Conv1d downsample_conv(std::int64_t c_in, std::int64_t c_out, std::int64_t factor) {
  return torch::nn::Conv1d(
      torch::nn::Conv1dOptions(c_in, c_out, 2 * factor + 1).stride(factor).padding(factor));
}

torch::nn::ConvTranspose1d upsample_conv(std::int64_t c_in, std::int64_t c_out, std::int64_t factor,
                                         bool bias) {
  return torch::nn::ConvTranspose1d(torch::nn::ConvTranspose1dOptions(c_in, c_out, 2 * factor)
                                        .stride(factor)
                                        .padding(factor / 2 + factor % 2)
                                        .output_padding(factor % 2)
                                        .bias(bias));
}

torch::Tensor interpolate_nearest(const torch::Tensor& x, std::int64_t frames) {
  if (x.size(2) == frames) {
    return x;
  }
  const std::vector<std::int64_t> size{frames};
  const double scale = static_cast<double>(frames) / static_cast<double>(x.size(2));
  // LibTorch 1.13 does not have it in bfloat16 on the CPU.
  const torch::Tensor wide = x.scalar_type() == torch::kBFloat16 ? x.to(torch::kFloat32) : x;
  return at::_upsample_nearest_exact1d(wide, at::IntArrayRef(size), scale).to(x.scalar_type());
}

GroupNormImpl::GroupNormImpl(std::int64_t groups, std::int64_t channels)
    : torch::nn::GroupNormImpl(torch::nn::GroupNormOptions(groups, channels)) {}

torch::Tensor GroupNormImpl::forward(const torch::Tensor& x) {
  return torch::nn::GroupNormImpl::forward(x.to(weight.scalar_type()));
}

SnakeBetaImpl::SnakeBetaImpl(std::int64_t channels)
    : alpha_(register_parameter("alpha", torch::zeros({channels}))),
      beta_(register_parameter("beta", torch::zeros({channels}))) {}

torch::Tensor SnakeBetaImpl::forward(const torch::Tensor& x) {
  const bool has_frames = x.dim() > 2;
  const torch::Tensor alpha = (has_frames ? alpha_.unsqueeze(-1) : alpha_).exp();
  const torch::Tensor beta = (has_frames ? beta_.unsqueeze(-1) : beta_).exp();
  return x + torch::sin(x * alpha).square() / (beta + kNoDivisionByZero);
}

NearestUpsampleImpl::NearestUpsampleImpl(std::int64_t c_in, std::int64_t c_out, std::int64_t factor,
                                         bool bias)
    : factor_(factor), conv_(register_module("1", SameConv(c_in, c_out, 3, bias))) {}

torch::Tensor NearestUpsampleImpl::forward(const torch::Tensor& x) {
  return conv_->forward(interpolate_nearest(x, x.size(2) * factor_));
}

SelfAttention1dImpl::SelfAttention1dImpl(std::int64_t channels) : n_head_(channels / kHeadDim) {
  if (n_head_ == 0 || channels % n_head_ != 0) {
    fail<NetworkError>(
        "self-attention on {} channels: heads have {} channels each, so at least {} are needed, and the "
        "channels must divide into the heads; choose other channels or turn attn off at this level",
        channels, kHeadDim, kHeadDim);
  }
  norm_ = register_module("norm", GroupNorm(1, channels));
  qkv_proj_ = register_module("qkv_proj", SameConv(channels, 3 * channels, 1, true));
  out_proj_ = register_module("out_proj", SameConv(channels, channels, 1, true));
}

torch::Tensor SelfAttention1dImpl::forward(const torch::Tensor& x) {
  const std::int64_t batch = x.size(0);
  const std::int64_t channels = x.size(1);
  const std::int64_t frames = x.size(2);
  const std::int64_t width = channels / n_head_;
  const torch::Tensor qkv = qkv_proj_->forward(norm_->forward(x)).view({batch, 3 * n_head_, width, frames});
  const std::vector<torch::Tensor> parts = qkv.chunk(3, 1);  // each [batch, head, width, frame]
  const double scale = std::pow(static_cast<double>(width), -0.25);
  const torch::Tensor query = (parts[0] * scale).transpose(2, 3);
  const torch::Tensor weights = torch::matmul(query, parts[1] * scale).softmax(3);
  const torch::Tensor y = torch::matmul(parts[2], weights.transpose(2, 3)).reshape({batch, channels, frames});
  return out_proj_->forward(y).add_(x);
}

FiLMImpl::FiLMImpl(std::int64_t c_cond, std::int64_t c_out, const std::string& activation)
    : act_(make_activation(activation, c_out)) {
  linear_ = register_module("linear", torch::nn::Sequential());
  linear_->push_back(torch::nn::Linear(torch::nn::LinearOptions(c_cond, c_out).bias(false)));
  linear_->push_back(make_activation(activation, c_out));
  linear_->push_back(torch::nn::Linear(torch::nn::LinearOptions(c_out, 2 * c_out).bias(false)));
  register_module("act", act_.ptr());
}

torch::Tensor FiLMImpl::forward(const torch::Tensor& x, const torch::Tensor& cond) {
  const std::vector<torch::Tensor> parts = linear_->forward(cond).unsqueeze(-1).chunk(2, 1);
  return act_.forward(torch::addcmul(parts[1], x, parts[0]));
}

ResConvBlockImpl::ResConvBlockImpl(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel,
                                   const BlockStyle& style) {
  if (c_in != c_out) {
    skip_ = register_module("skip", SameConv(c_in, c_out, 1, style.bias));
  }
  block1_ = register_module("block1", torch::nn::Sequential());
  block1_->push_back(SameConv(c_in, c_out, kernel, style.bias));
  block1_->push_back(make_norm(style.norm, c_out));
  block1_->push_back(make_activation(style.activation, c_out));
  if (style.cond_dim > 0) {
    film_ = register_module("film", FiLM(style.cond_dim, c_out, style.activation));
  }
  if (style.tcond_dim > 0) {
    tblock_ = register_module("tblock", torch::nn::Sequential());
    tblock_->push_back(SameConv(style.tcond_dim, style.tcond_dim, kernel, style.bias));
    tblock_->push_back(make_activation(style.activation, style.tcond_dim));
  }
  drop_ = register_module("drop", torch::nn::Dropout(style.p_drop));
  block2_ = register_module("block2", torch::nn::Sequential());
  block2_->push_back(SameConv(c_out + style.tcond_dim, c_out, kernel, style.bias));
  block2_->push_back(make_norm(style.norm, c_out));
  block2_->push_back(make_activation(style.activation, c_out));
  block2_->push_back(SameConv(c_out, c_out, 1, style.bias));
}

torch::Tensor ResConvBlockImpl::forward(const torch::Tensor& x, const torch::Tensor& cond,
                                        const torch::Tensor& time_cond) {
  torch::Tensor h = block1_->forward(x);
  if (film_) {
    h = film_->forward(h, cond);
  }
  if (tblock_) {
    h = partita::cat({h, tblock_->forward(interpolate_nearest(time_cond, h.size(2)))}, 1);
  }
  h = block2_->forward(drop_->forward(h));
  return h.add_(skip_ ? skip_->forward(x) : x);
}

}  // namespace partita::nn
