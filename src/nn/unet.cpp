#include "partita/nn/unet.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "levels.hpp"
#include "noise_embedding.hpp"

namespace partita::nn {
namespace {

void check_levels(const UNetOptions& options) {
  const std::size_t levels = options.kernels.size();
  if (levels == 0 || options.channels.size() != levels + 1 || options.strides.size() != levels ||
      options.attn.size() != levels) {
    fail<NetworkError>(
        "U-Net: channels, kernels, strides and attn have {}, {}, {} and {} entries; expected n + 1, n, n and "
        "n with n at least 1",
        options.channels.size(), levels, options.strides.size(), options.attn.size());
  }
  const auto positive = [](std::int64_t value) { return value > 0; };
  for (const auto& [name, values] :
       {std::pair{"channels", &options.channels}, std::pair{"kernels", &options.kernels},
        std::pair{"strides", &options.strides}}) {
    if (!std::all_of(values->begin(), values->end(), positive)) {
      fail<NetworkError>("U-Net: {} are [{}], expected numbers of at least 1", name,
                         fmt::join(*values, ", "));
    }
  }
}

void check_options(const UNetOptions& options) {
  check_levels(options);
  check_norm(options.norm);
  check_activation(options.activation);
  check_dropout(options.p_drop);
  if (options.tcond_dim < 0) {
    fail<NetworkError>("U-Net: tcond_dim is {}, expected 0 (no time condition) or more", options.tcond_dim);
  }
  if (options.skip_type != "cat" && options.skip_type != "add" && options.skip_type != "none") {
    fail<NetworkError>("U-Net: skip_type '{}' is unknown; use 'cat', 'add' or 'none'", options.skip_type);
  }
}

std::string shape_text(const torch::Tensor& x) {
  return x.defined() ? fmt::format("[{}]", fmt::join(x.sizes(), ", ")) : "undefined";
}

void check_input(const UNetOptions& options, std::int64_t frame_multiple, const torch::Tensor& x,
                 const torch::Tensor& alpha, const torch::Tensor& condition) {
  if (!x.defined() || x.dim() != 3 || x.size(1) != options.channels.front() || x.size(2) == 0 ||
      x.size(2) % frame_multiple != 0) {
    fail<NetworkError>(
        "U-Net: x is {}, expected [batch, {}, frames] with frames a multiple of {}; pad or crop",
        shape_text(x), options.channels.front(), frame_multiple);
  }
  if (!alpha.defined() || alpha.dim() != 1 || alpha.size(0) != x.size(0)) {
    fail<NetworkError>("U-Net: alpha is {}, expected [{}], one for each x", shape_text(alpha), x.size(0));
  }
  if (options.tcond_dim == 0) {
    if (condition.defined()) {
      fail<NetworkError>("U-Net: a condition {} was given, but tcond_dim is 0", shape_text(condition));
    }
  } else if (!condition.defined() || condition.dim() != 3 || condition.size(0) != x.size(0) ||
             condition.size(1) != options.tcond_dim || condition.size(2) == 0) {
    fail<NetworkError>("U-Net: the condition is {}, expected [{}, {}, frames]", shape_text(condition),
                       x.size(0), options.tcond_dim);
  }
}

}  // namespace

UNetImpl::UNetImpl(UNetOptions options) : options_(std::move(options)) {
  check_options(options_);
  const BlockStyle style{options_.norm, options_.activation, options_.p_drop,
                         options_.bias, options_.cond_dim,   options_.tcond_dim};
  const std::size_t levels = options_.kernels.size();
  noise_emb_ = register_module("noise_emb", std::make_shared<NoiseEmbeddingImpl>(
                                                options_.cond_dim, options_.factor, options_.endpoint));
  torch::nn::ModuleList encoders = register_module("encoders", torch::nn::ModuleList());
  // The reference keeps an empty place for the decoders before the bottleneck: the order of parameters.
  torch::nn::ModuleList decoders = register_module("decoders", torch::nn::ModuleList());
  for (std::size_t i = 0; i < levels; ++i) {
    const LevelOptions level{options_.channels[i], options_.channels[i + 1], options_.kernels[i],
                             options_.strides[i], options_.attn[i]};
    encoders_.push_back(std::make_shared<EncoderBlockImpl>(level, style));
    encoders->push_back(encoders_.back());
  }
  const LevelOptions lowest{
      options_.channels.back(), options_.channels.back(),
      *std::min_element(options_.kernels.begin(), options_.kernels.end()), 1,
      std::find(options_.attn.begin(), options_.attn.end(), true) != options_.attn.end()};
  bottleneck_ = register_module("bottleneck", std::make_shared<BottleneckBlockImpl>(lowest, style));
  for (std::size_t i = levels; i-- > 0;) {
    const LevelOptions level{options_.channels[i + 1], options_.channels[i], options_.kernels[i],
                             options_.strides[i], options_.attn[i]};
    decoders_.push_back(
        std::make_shared<DecoderBlockImpl>(level, style, options_.skip_type, options_.use_nearest));
    decoders->push_back(decoders_.back());
  }
  out_ = register_module("out",
                         SameConv(options_.channels.front(), options_.channels.front(), 3, options_.bias));
}

torch::Tensor UNetImpl::forward(const torch::Tensor& x, const torch::Tensor& alpha,
                                const torch::Tensor& condition) {
  check_input(options_, frame_multiple(), x, alpha, condition);
  const torch::Tensor cond = noise_emb_->forward(alpha);
  std::vector<torch::Tensor> skips;
  skips.reserve(encoders_.size());
  torch::Tensor h = x;
  for (const auto& encoder : encoders_) {
    auto [down, skip] = encoder->forward(h, cond, condition);
    h = std::move(down);
    skips.push_back(std::move(skip));
  }
  h = bottleneck_->forward(h, cond, condition);
  for (const auto& decoder : decoders_) {
    h = decoder->forward(h, skips.back(), cond, condition);
    skips.pop_back();
  }
  return out_->forward(h);
}

std::int64_t UNetImpl::frame_multiple() const {
  return std::accumulate(options_.strides.begin(), options_.strides.end(), std::int64_t{1},
                         std::multiplies<>());
}

}  // namespace partita::nn
