#include "quantizer.hpp"

#include <memory>
#include <string>

#include "partita/codec/codec.hpp"

namespace partita::codec {

Quantizer::Quantizer(std::int64_t codebooks, std::int64_t size, std::int64_t dimension) : size_(size) {
  const auto vq = register_module("vq", std::make_shared<torch::nn::Module>());
  const auto layers = vq->register_module("layers", std::make_shared<torch::nn::Module>());
  for (std::int64_t i = 0; i < codebooks; ++i) {
    const auto layer = layers->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
    const auto codebook = layer->register_module("_codebook", std::make_shared<torch::nn::Module>());
    codebook->register_buffer("inited", torch::empty({1}));
    codebook->register_buffer("cluster_size", torch::empty({size}));
    codebook->register_buffer("embed", torch::empty({size, dimension}));
    codebook->register_buffer("embed_avg", torch::empty({size, dimension}));
  }
}

void Quantizer::prepare() {
  codebooks_.clear();
  for (const auto& buffer : named_buffers()) {
    if (!buffer.key().ends_with(".embed")) continue;  // in order of the codebooks
    const torch::Tensor& embed = buffer.value();
    codebooks_.push_back({embed, embed.t().contiguous(), embed.square().sum(1).mul_(-0.5)});
  }
}

torch::Tensor Quantizer::encode(const torch::Tensor& embeddings, std::int64_t codebooks) const {
  const std::int64_t batch = embeddings.size(0);
  const std::int64_t frames = embeddings.size(2);
  torch::Tensor residual = embeddings.transpose(1, 2).reshape({batch * frames, embeddings.size(1)}).clone();
  torch::Tensor codes = torch::empty({codebooks, batch * frames}, residual.options().dtype(torch::kLong));
  for (std::int64_t i = 0; i < codebooks; ++i) {
    const Codebook& codebook = codebooks_[static_cast<std::size_t>(i)];
    // The nearest entry has the largest x·e − |e|²/2.
    const torch::Tensor nearest = torch::addmm(codebook.half_square, residual, codebook.transposed).argmax(1);
    codes[i].copy_(nearest);
    residual.sub_(codebook.embed.index_select(0, nearest));
  }
  return codes.view({codebooks, batch, frames}).transpose(0, 1);
}

torch::Tensor Quantizer::decode(const torch::Tensor& codes) const {
  check(codes);
  torch::Tensor sum;
  for (std::int64_t i = 0; i < codes.size(1); ++i) {
    const torch::Tensor entries =
        codebooks_[static_cast<std::size_t>(i)].embed.index_select(0, codes.select(1, i).reshape(-1));
    sum = sum.defined() ? sum.add_(entries) : entries;
  }
  return sum.view({codes.size(0), codes.size(2), -1}).transpose(1, 2).contiguous();
}

void Quantizer::check(const torch::Tensor& codes) const {
  const auto most = static_cast<std::int64_t>(codebooks_.size());
  if (codes.dim() != 3 || codes.scalar_type() != torch::kLong || codes.size(1) < 1 || codes.size(1) > most ||
      codes.numel() == 0) {
    fail<CodecError>("codes: expected int64 [batch, 1 to {} codebooks, frame], found {} {}", most,
                     c10::toString(codes.scalar_type()), c10::str(codes.sizes()));
  }
  const auto low = codes.min().item<std::int64_t>();
  const auto high = codes.max().item<std::int64_t>();
  if (low < 0 || high >= size_) {
    fail<CodecError>("codes: expected 0 to {}, found {} to {}: the data is damaged", size_ - 1, low, high);
  }
}

}  // namespace partita::codec
