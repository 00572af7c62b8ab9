#include "partita/nn/vector_quantizer.hpp"

#include <fmt/ranges.h>

#include <utility>

namespace partita::nn {
namespace {

constexpr std::int64_t kMeansIterations = 10;
constexpr double kSmoothing = 1e-5;  // of cluster sizes, as Laplace's
constexpr double kDead = 1.0;        // vectors a batch below which a code begins anew

/// `count` of the vectors, drawn; each may come twice only where there are fewer.
torch::Tensor drawn(const torch::Tensor& vectors, std::int64_t count) {
  const std::int64_t known = vectors.size(0);
  const torch::Tensor order =
      known >= count ? torch::randperm(known).narrow(0, 0, count) : torch::randint(known, {count});
  return vectors.index_select(0, order.to(vectors.device(), torch::kLong));
}

torch::Tensor nearest(const torch::Tensor& vectors, const torch::Tensor& embed) {
  // The nearest entry has the largest x·e − |e|²/2.
  return torch::addmm(embed.square().sum(1).mul(-0.5), vectors, embed.t()).argmax(1);
}

torch::Tensor counts_of(const torch::Tensor& codes, const torch::Tensor& like) {
  return torch::zeros_like(like).index_add(0, codes, torch::ones(codes.sizes(), like.options()));
}

}  // namespace

VectorQuantizerImpl::VectorQuantizerImpl(VectorQuantizerOptions options) : options_(options) {
  if (options_.codes < 1 || options_.dimension < 1 || !(options_.decay >= 0.0 && options_.decay < 1.0)) {
    fail<NetworkError>(
        "vector quantizer: expected at least 1 code and dimension and a decay in [0, 1), found {}, {} and {}",
        options_.codes, options_.dimension, options_.decay);
  }
  embed_ = register_buffer("embed", torch::zeros({options_.codes, options_.dimension}));
  cluster_size_ = register_buffer("cluster_size", torch::zeros({options_.codes}));
  embed_sum_ = register_buffer("embed_sum", torch::zeros({options_.codes, options_.dimension}));
  begun_ = register_buffer("begun", torch::zeros({}, torch::kLong));
}

void VectorQuantizerImpl::check(const torch::Tensor& vectors) const {
  if (!vectors.defined() || vectors.dim() != 2 || vectors.size(1) != options_.dimension ||
      vectors.size(0) == 0) {
    fail<NetworkError>(
        "vector quantizer: expected [vector, {}], found {}", options_.dimension,
        vectors.defined() ? fmt::format("[{}]", fmt::join(vectors.sizes(), ", ")) : "undefined");
  }
}

torch::Tensor VectorQuantizerImpl::encode(const torch::Tensor& vectors) const {
  check(vectors);
  const torch::NoGradGuard no_grad;
  return nearest(vectors, embed_);
}

torch::Tensor VectorQuantizerImpl::decode(const torch::Tensor& codes) const {
  if (codes.scalar_type() != torch::kLong || codes.numel() == 0 || codes.min().item<std::int64_t>() < 0 ||
      codes.max().item<std::int64_t>() >= options_.codes) {
    fail<NetworkError>("vector quantizer: expected codes, int64, of 0 to {}", options_.codes - 1);
  }
  return torch::embedding(embed_, codes);
}

VectorQuantizerImpl::Quantized VectorQuantizerImpl::forward(const torch::Tensor& vectors) {
  check(vectors);
  const torch::Tensor still = vectors.detach();
  if (is_training() && begun_.item<std::int64_t>() == 0) begin(still);
  const torch::Tensor codes = encode(still);
  const torch::Tensor found = torch::embedding(embed_, codes).detach();
  Quantized quantized{vectors + (found - still), codes, torch::mse_loss(vectors, found)};
  if (is_training()) {
    follow(still, codes);
    revive(still);
  }
  return quantized;
}

/// By k-means on the first vectors.
void VectorQuantizerImpl::begin(const torch::Tensor& vectors) {
  const torch::NoGradGuard no_grad;
  torch::Tensor means = drawn(vectors, options_.codes), size = cluster_size_;
  for (std::int64_t i = 0; i < kMeansIterations; ++i) {
    const torch::Tensor codes = nearest(vectors, means);
    size = counts_of(codes, cluster_size_);
    const torch::Tensor sum = torch::zeros_like(means).index_add(0, codes, vectors);
    means = torch::where((size > 0.0).unsqueeze(1), sum / size.clamp_min(1.0).unsqueeze(1), means);
  }
  embed_.copy_(means);
  cluster_size_.copy_(size);
  embed_sum_.copy_(means * size.unsqueeze(1));
  begun_.fill_(1);
}

void VectorQuantizerImpl::follow(const torch::Tensor& vectors, const torch::Tensor& codes) {
  const torch::NoGradGuard no_grad;
  cluster_size_.lerp_(counts_of(codes, cluster_size_), 1.0 - options_.decay);
  embed_sum_.lerp_(torch::zeros_like(embed_sum_).index_add(0, codes, vectors), 1.0 - options_.decay);
  const torch::Tensor total = cluster_size_.sum();
  const torch::Tensor smoothed =
      (cluster_size_ + kSmoothing) / (total + kSmoothing * static_cast<double>(options_.codes)) * total;
  embed_.copy_(embed_sum_ / smoothed.unsqueeze(1));
}

/// Codes out of use begin anew at vectors of the batch, as large as a code that just lives.
void VectorQuantizerImpl::revive(const torch::Tensor& vectors) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor dead = (cluster_size_ < kDead).nonzero().squeeze(1);
  if (dead.numel() == 0) return;
  const torch::Tensor fresh = drawn(vectors, dead.numel());
  embed_.index_copy_(0, dead, fresh);
  cluster_size_.index_fill_(0, dead, kDead);
  embed_sum_.index_copy_(0, dead, fresh * kDead);
}

}  // namespace partita::nn
