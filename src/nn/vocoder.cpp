#include "partita/nn/vocoder.hpp"

#include <fmt/ranges.h>

#include "blocks.hpp"

namespace partita::nn {
namespace {

constexpr double kNormEpsilon = 1e-6;
/// What the last layer's first weights are multiplied by: what comes out is a correction, and starts small.
constexpr double kFirstOutput = 0.1;

void check_options(const VocoderOptions& options) {
  const auto positive = [](const char* name, std::int64_t value) {
    if (value < 1) fail<NetworkError>("vocoder: {} is {}, expected at least 1", name, value);
  };
  positive("in_dim", options.in_dim);
  positive("out_dim", options.out_dim);
  positive("channels", options.channels);
  positive("blocks", options.blocks);
  positive("expansion", options.expansion);
  if (options.kernel < 1 || options.kernel % 2 == 0) {
    fail<NetworkError>("vocoder: kernel is {}, expected a positive odd number", options.kernel);
  }
}

}  // namespace

/// Layer normalisation over the channels of every frame.
class ChannelNormImpl : public torch::nn::Module {
 public:
  explicit ChannelNormImpl(std::int64_t channels) {
    weight_ = register_parameter("weight", torch::ones({channels}));
    bias_ = register_parameter("bias", torch::zeros({channels}));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor frames = x.transpose(1, 2).to(weight_.scalar_type());
    return torch::layer_norm(frames, weight_.sizes(), weight_, bias_, kNormEpsilon).transpose(1, 2);
  }

 private:
  torch::Tensor weight_, bias_;
};

/// x + scale · pwconv2(gelu(pwconv1(norm(dwconv(x))))) (Liu et al. 2022), under Vocos's names.
class ConvNextBlockImpl : public torch::nn::Module {
 public:
  explicit ConvNextBlockImpl(const VocoderOptions& options) {
    const std::int64_t channels = options.channels;
    dwconv_ = register_module("dwconv",
                              torch::nn::Conv1d(torch::nn::Conv1dOptions(channels, channels, options.kernel)
                                                    .padding(options.kernel / 2)
                                                    .groups(channels)));
    norm_ = register_module("norm", std::make_shared<ChannelNormImpl>(channels));
    pwconv1_ = register_module("pwconv1", SameConv(channels, options.expansion, 1, true));
    pwconv2_ = register_module("pwconv2", SameConv(options.expansion, channels, 1, true));
    scale_ = register_parameter("gamma", torch::full({channels}, 1.0 / static_cast<double>(options.blocks)));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor h = torch::gelu(pwconv1_->forward(norm_->forward(dwconv_->forward(x))));
    return x + scale_.unsqueeze(1) * pwconv2_->forward(h);
  }

 private:
  torch::nn::Conv1d dwconv_{nullptr};
  SameConv pwconv1_{nullptr}, pwconv2_{nullptr};
  std::shared_ptr<ChannelNormImpl> norm_;
  torch::Tensor scale_;
};

VocoderImpl::VocoderImpl(VocoderOptions options) : options_(options) {
  check_options(options_);
  in_ = register_module("embed", SameConv(options_.in_dim, options_.channels, 1, true));
  in_norm_ = register_module("norm", std::make_shared<ChannelNormImpl>(options_.channels));
  torch::nn::ModuleList blocks = register_module("convnext", torch::nn::ModuleList());
  for (std::int64_t i = 0; i < options_.blocks; ++i) {
    blocks_.push_back(std::make_shared<ConvNextBlockImpl>(options_));
    blocks->push_back(blocks_.back());
  }
  out_norm_ = register_module("final_layer_norm", std::make_shared<ChannelNormImpl>(options_.channels));
  out_ = register_module("out", SameConv(options_.channels, options_.out_dim, 1, true));
  const torch::NoGradGuard no_grad;
  out_->weight.mul_(kFirstOutput);
  out_->bias.zero_();
}

torch::Tensor VocoderImpl::forward(const torch::Tensor& x) {
  if (!x.defined() || x.dim() != 3 || x.size(1) != options_.in_dim || x.size(2) == 0) {
    fail<NetworkError>("vocoder: x is {}, expected [batch, {}, frames]",
                       x.defined() ? fmt::format("[{}]", fmt::join(x.sizes(), ", ")) : "undefined",
                       options_.in_dim);
  }
  torch::Tensor h = in_norm_->forward(in_->forward(x));
  for (const auto& block : blocks_) h = block->forward(h);
  return out_->forward(out_norm_->forward(h));
}

}  // namespace partita::nn
