#include "partita/nn/vq_vae.hpp"

#include <fmt/ranges.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>

namespace partita::nn {
namespace {

void check_options(const VqVaeOptions& options) {
  if (options.in_dim < 1 || options.bands < 1 || options.in_dim % options.bands != 0 || options.frames < 1) {
    fail<NetworkError>("VQ-VAE: patches of {} bands and {} frames do not divide {} channels", options.bands,
                       options.frames, options.in_dim);
  }
  if (options.channels < 1 || options.blocks < 0) {
    fail<NetworkError>("VQ-VAE: expected at least 1 channel and 0 blocks, found {} and {}", options.channels,
                       options.blocks);
  }
}

torch::nn::Conv2d convolution(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(c_in, c_out, kernel).padding(kernel / 2));
}

}  // namespace

/// x + pointwise(relu(conv(relu(x)))).
class PatchBlockImpl : public torch::nn::Module {
 public:
  explicit PatchBlockImpl(std::int64_t channels) {
    conv_ = register_module("conv", convolution(channels, channels, 3));
    pointwise_ = register_module("pointwise", convolution(channels, channels, 1));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return x + pointwise_->forward(torch::relu(conv_->forward(torch::relu(x))));
  }

 private:
  torch::nn::Conv2d conv_{nullptr}, pointwise_{nullptr};
};

VqVaeImpl::VqVaeImpl(VqVaeOptions options) : options_(options) {
  check_options(options_);
  const std::int64_t patch = options_.bands * options_.frames, width = options_.channels;
  const auto add_blocks = [&](const char* name, std::vector<std::shared_ptr<PatchBlockImpl>>& blocks) {
    torch::nn::ModuleList list = register_module(name, torch::nn::ModuleList());
    for (std::int64_t i = 0; i < options_.blocks; ++i) {
      blocks.push_back(std::make_shared<PatchBlockImpl>(width));
      list->push_back(blocks.back());
    }
  };
  in_ = register_module("in", convolution(patch, width, 1));
  add_blocks("encoder", encoder_);
  to_code_ = register_module("to_code", convolution(width, options_.quantizer.dimension, 1));
  quantizer_ = register_module("quantizer", VectorQuantizer(options_.quantizer));
  from_code_ = register_module("from_code", convolution(options_.quantizer.dimension, width, 1));
  add_blocks("decoder", decoder_);
  out_ = register_module("out", convolution(width, patch, 1));
  encoder_rows_ = register_parameter("encoder_rows", torch::zeros({width, rows(), 1}));
  decoder_rows_ = register_parameter("decoder_rows", torch::zeros({width, rows(), 1}));
}

/// The patches' vectors in the order of their codes, `[batch · position, dimension]`.
torch::Tensor VqVaeImpl::vectors_of(const torch::Tensor& x) {
  if (!x.defined() || x.dim() != 3 || x.size(1) != options_.in_dim || x.numel() == 0 ||
      x.size(2) % options_.frames != 0) {
    fail<NetworkError>("VQ-VAE: x is {}, expected [batch, {}, a multiple of {} frames]",
                       x.defined() ? fmt::format("[{}]", fmt::join(x.sizes(), ", ")) : "undefined",
                       options_.in_dim, options_.frames);
  }
  const torch::Tensor patches =
      x.reshape({x.size(0), rows(), options_.bands, x.size(2) / options_.frames, options_.frames})
          .permute({0, 2, 4, 1, 3})
          .flatten(1, 2)
          .contiguous();
  torch::Tensor h = in_->forward(patches) + encoder_rows_;
  for (const auto& block : encoder_) h = block->forward(h);
  return to_code_->forward(h).permute({0, 3, 2, 1}).reshape({-1, options_.quantizer.dimension});
}

torch::Tensor VqVaeImpl::picture_of(const torch::Tensor& vectors, std::int64_t batch) {
  const torch::Tensor grid =
      vectors.view({batch, -1, rows(), options_.quantizer.dimension}).permute({0, 3, 2, 1}).contiguous();
  torch::Tensor h = from_code_->forward(grid) + decoder_rows_;
  for (const auto& block : decoder_) h = block->forward(h);
  return torch::softplus(out_->forward(torch::relu(h)))
      .unflatten(1, std::vector<std::int64_t>{options_.bands, options_.frames})
      .permute({0, 3, 1, 4, 2})
      .reshape({batch, options_.in_dim, -1});
}

VqVaeImpl::Coded VqVaeImpl::forward(const torch::Tensor& x) {
  const VectorQuantizerImpl::Quantized quantized = quantizer_->forward(vectors_of(x));
  return {picture_of(quantized.vectors, x.size(0)), quantized.codes.view({x.size(0), -1}),
          quantized.commitment};
}

torch::Tensor VqVaeImpl::encode(const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  return quantizer_->encode(vectors_of(x)).view({x.size(0), -1});
}

torch::Tensor VqVaeImpl::decode(const torch::Tensor& codes) {
  if (!codes.defined() || codes.dim() != 2 || codes.size(1) % rows() != 0)
    fail<NetworkError>("VQ-VAE: expected codes [batch, a multiple of {} positions]", rows());
  const torch::NoGradGuard no_grad;
  return picture_of(quantizer_->decode(codes), codes.size(0));
}

}  // namespace partita::nn
