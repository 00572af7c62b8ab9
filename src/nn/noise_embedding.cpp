#include "noise_embedding.hpp"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/linear.h>

#include "partita/base/join.hpp"
#include "partita/nn/error.hpp"

namespace partita::nn {
namespace {

constexpr double kMaxPositions = 10000.0;

}  // namespace

NoiseEmbeddingImpl::NoiseEmbeddingImpl(std::int64_t channels, double factor, bool endpoint)
    : channels_(channels), factor_(factor), endpoint_(endpoint) {
  if (channels < 4 || channels % 2 != 0) {
    fail<NetworkError>("cond_dim is {}, expected an even number of at least 4 (sines and cosines)", channels);
  }
  layers_ = register_module("layers", torch::nn::Sequential());
  layers_->push_back(torch::nn::Identity());  // the sinusoids stand here in the reference
  layers_->push_back(torch::nn::Linear(channels, 2 * channels));
  layers_->push_back(torch::nn::SiLU());
  layers_->push_back(torch::nn::Linear(2 * channels, channels));
  layers_->push_back(torch::nn::SiLU());
}

torch::Tensor NoiseEmbeddingImpl::sinusoids(const torch::Tensor& alpha) const {
  const std::int64_t half = channels_ / 2;
  const double span = static_cast<double>(endpoint_ ? half - 1 : half);
  const torch::Tensor exponents = torch::arange(half, alpha.options()) / span;
  const torch::Tensor angles = torch::outer(alpha * factor_, torch::pow(1.0 / kMaxPositions, exponents));
  return partita::cat({angles.cos(), angles.sin()}, 1);
}

torch::Tensor NoiseEmbeddingImpl::forward(const torch::Tensor& alpha) {
  return layers_->forward(sinusoids(alpha));
}

}  // namespace partita::nn
