#include "partita/nn/discriminator.hpp"

#include <torch/nn.h>

namespace partita::nn {
namespace {

constexpr double kLeak = 0.1;

/// Kernel 9 × 3 over rows and columns; rows are halved.
torch::nn::Conv2d layer(std::int64_t c_in, std::int64_t c_out) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(c_in, c_out, {9, 3}).stride({2, 1}).padding({4, 1}));
}

}  // namespace

PatchDiscriminatorImpl::PatchDiscriminatorImpl(std::int64_t in_dim, std::int64_t channels,
                                               std::int64_t layers) {
  if (in_dim < 1 || channels < 1 || layers < 1) {
    fail<NetworkError>("discriminator: in_dim {}, channels {} and layers {}, expected at least 1 of each",
                       in_dim, channels, layers);
  }
  torch::nn::ModuleList list = register_module("layers", torch::nn::ModuleList());
  const auto add = [&](const torch::nn::Conv2d& conv) {
    layers_.push_back(conv.ptr());
    list->push_back(conv.ptr());
  };
  add(layer(in_dim, channels));
  for (std::int64_t i = 1; i < layers; ++i) add(layer(channels, channels));
  add(torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, 1, 3).padding(1)));
}

PatchDiscriminatorImpl::Verdict PatchDiscriminatorImpl::forward(const torch::Tensor& x) {
  Verdict verdict;
  torch::Tensor h = x;
  for (std::size_t i = 0; i + 1 < layers_.size(); ++i) {
    h = torch::leaky_relu(layers_[i]->forward(h), kLeak);
    verdict.features.push_back(h);
  }
  verdict.score = layers_.back()->forward(h);
  return verdict;
}

}  // namespace partita::nn
