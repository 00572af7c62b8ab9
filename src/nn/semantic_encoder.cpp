#include "partita/nn/semantic_encoder.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "encoder_audio.hpp"
#include "partita/base/join.hpp"

namespace partita::nn {
namespace {

BlockStyle style_of(const SemanticEncoderOptions& options) {
  return {options.norm, options.activation, options.p_drop, options.bias, 0, 0};
}

void check_options(const SemanticEncoderOptions& options) {
  const std::size_t levels = options.channels.size();
  if (levels == 0 || options.kernel.size() != levels || options.strides.size() != levels ||
      options.attn.size() != levels) {
    fail<NetworkError>(
        "semantic encoder: channels, kernel, strides and attn have {}, {}, {} and {} entries; expected the "
        "same "
        "number of each, at least 1",
        levels, options.kernel.size(), options.strides.size(), options.attn.size());
  }
  const auto positive = [](std::int64_t value) { return value > 0; };
  for (const auto& [name, values] :
       {std::pair{"channels", &options.channels}, std::pair{"kernel", &options.kernel},
        std::pair{"strides", &options.strides}}) {
    if (!std::all_of(values->begin(), values->end(), positive)) {
      fail<NetworkError>("semantic encoder: {} are [{}], expected numbers of at least 1", name,
                         fmt::join(*values, ", "));
    }
  }
  if (options.n_comp < 1 || options.in_dim < 1) {
    fail<NetworkError>("semantic encoder: n_comp is {} and in_dim {}, expected at least 1 of each",
                       options.n_comp, options.in_dim);
  }
  if (options.kind != "multi" && options.kind != "common") {
    fail<NetworkError>("semantic encoder: kind '{}' is unknown; use 'multi' or 'common'", options.kind);
  }
  if (options.kind == "common" && options.channels.back() % options.n_comp != 0) {
    fail<NetworkError>(
        "semantic encoder: {} channels do not divide into {} components; make the last of channels a "
        "multiple "
        "of n_comp",
        options.channels.back(), options.n_comp);
  }
  check_norm(options.norm);
  check_activation(options.activation);
  check_activation(options.out_fn);
  check_dropout(options.p_drop);
}

}  // namespace

EncoderAudioImpl::EncoderAudioImpl(const SemanticEncoderOptions& options) {
  torch::nn::ModuleList blocks = register_module("blocks", torch::nn::ModuleList());
  std::int64_t in_c = options.in_dim;
  for (std::size_t i = 0; i < options.channels.size(); ++i) {
    const LevelOptions level{in_c, options.channels[i], options.kernel[i], options.strides[i],
                             options.attn[i]};
    blocks_.emplace_back(level, style_of(options));
    blocks->push_back(blocks_.back());
    in_c = options.channels[i];
  }
  BlockStyle final_style = style_of(options);
  final_style.p_drop = 0.0;
  final_block_ = register_module("final_block", ResConvBlock(in_c, in_c, 3, final_style));
  if (options.add_gru) {
    gru_ = register_module("gru", torch::nn::GRU(torch::nn::GRUOptions(in_c, in_c).batch_first(true)));
  }
}

torch::Tensor EncoderAudioImpl::forward(const torch::Tensor& x) {
  torch::Tensor h = x;
  for (auto& block : blocks_) {
    h = block->forward(h, {}, {}).first;
  }
  h = final_block_->forward(h, {}, {});
  return gru_ ? std::get<0>(gru_->forward(h.transpose(1, 2))).transpose(1, 2) : h;
}

SemanticEncoderImpl::SemanticEncoderImpl(SemanticEncoderOptions options) : options_(std::move(options)) {
  check_options(options_);
  const std::int64_t last = options_.channels.back();
  if (options_.kind == "multi") {
    torch::nn::ModuleList encoders = register_module("encoders", torch::nn::ModuleList());
    for (std::int64_t i = 0; i < options_.n_comp; ++i) {
      encoders_.push_back(std::make_shared<EncoderAudioImpl>(options_));
      encoders->push_back(encoders_.back());
    }
  } else {
    encoders_.push_back(register_module("encoder", std::make_shared<EncoderAudioImpl>(options_)));
    torch::nn::ModuleList final_blocks = register_module("final", torch::nn::ModuleList());
    BlockStyle style = style_of(options_);
    for (int i = 0; i < 2; ++i) {
      final_.push_back(std::make_shared<ResConvBlockImpl>(last, last, options_.kernel.back(), style));
      final_blocks->push_back(final_.back());
      style.p_drop = 0.0;
    }
    final_conv_ = register_module("final_conv", SameConv(last, last, 3, true));
  }
  out_fn_ = make_activation(options_.out_fn, last);
  register_module("out_fn", out_fn_.ptr());
}

torch::Tensor SemanticEncoderImpl::forward(const torch::Tensor& x) {
  if (!x.defined() || x.dim() != 3 || x.size(1) != options_.in_dim || x.size(2) == 0) {
    fail<NetworkError>("semantic encoder: x is {}, expected [batch, {}, frames]",
                       x.defined() ? fmt::format("[{}]", fmt::join(x.sizes(), ", ")) : "undefined",
                       options_.in_dim);
  }
  if (options_.kind == "common") {
    torch::Tensor h = encoders_.front()->forward(x);
    for (const auto& block : final_) {
      h = block->forward(h, {}, {});
    }
    h = out_fn_.forward(final_conv_->forward(h));
    return h.view({h.size(0), options_.n_comp, latent_channels(), h.size(2)});
  }
  std::vector<torch::Tensor> components;
  components.reserve(encoders_.size());
  for (const auto& encoder : encoders_) {
    components.push_back(encoder->forward(x));
  }
  return out_fn_.forward(partita::stack(components, 1));
}

std::int64_t SemanticEncoderImpl::latent_channels() const {
  return options_.kind == "common" ? options_.channels.back() / options_.n_comp : options_.channels.back();
}

}  // namespace partita::nn
