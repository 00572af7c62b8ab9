#include "partita/nn/code_prior.hpp"

#include <fmt/ranges.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <cmath>
#include <limits>

namespace partita::nn {
namespace {

constexpr double kFirstDeviation = 0.02;  // of embeddings, as in GPT-2

void check_options(const CodePriorOptions& options) {
  if (options.codes < 1 || options.rows < 1 || options.steps < 1 || options.layers < 1) {
    fail<NetworkError>("code prior: codes, rows, steps and layers are {}, {}, {} and {}, expected at least 1",
                       options.codes, options.rows, options.steps, options.layers);
  }
  if (options.heads < 1 || options.channels < 1 || options.channels % options.heads != 0) {
    fail<NetworkError>("code prior: {} heads do not divide {} channels", options.heads, options.channels);
  }
}

torch::nn::LayerNorm layer_norm(std::int64_t channels) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels}));
}

}  // namespace

/// Causal self-attention and a perceptron, each on what is normalised and added to what comes in.
class CausalBlockImpl : public torch::nn::Module {
 public:
  CausalBlockImpl(std::int64_t channels, std::int64_t heads) : heads_(heads) {
    norm1_ = register_module("norm1", layer_norm(channels));
    qkv_ = register_module("qkv", torch::nn::Linear(channels, 3 * channels));
    proj_ = register_module("proj", torch::nn::Linear(channels, channels));
    norm2_ = register_module("norm2", layer_norm(channels));
    fc1_ = register_module("fc1", torch::nn::Linear(channels, 4 * channels));
    fc2_ = register_module("fc2", torch::nn::Linear(4 * channels, channels));
  }

  /// x `[row, position, channel]`: all positions, or, with a cache of layer `layer`, the one after those in
  /// it.
  torch::Tensor forward(const torch::Tensor& x, CodePriorCache* cache, std::size_t layer) {
    const torch::Tensor h = x + attended(norm1_->forward(x), cache, layer);
    return h + fc2_->forward(torch::gelu(fc1_->forward(norm2_->forward(h))));
  }

 private:
  torch::Tensor attended(const torch::Tensor& x, CodePriorCache* cache, std::size_t layer) {
    const std::int64_t rows = x.size(0), positions = x.size(1), channels = x.size(2);
    const torch::Tensor all =
        qkv_->forward(x).view({rows, positions, 3, heads_, channels / heads_}).permute({2, 0, 3, 1, 4});
    const torch::Tensor query = all[0];
    torch::Tensor key = all[1], value = all[2];
    if (cache != nullptr) {
      key = extended(cache->keys[layer], key, cache->length);
      value = extended(cache->values[layer], value, cache->length);
    }
    const std::int64_t width = channels / heads_;  // of a head; whole, as its options are checked
    torch::Tensor scores = torch::matmul(query, key.transpose(2, 3)) / std::sqrt(static_cast<double>(width));
    if (positions > 1) {
      const torch::Tensor later =
          torch::ones({positions, positions}, x.options().dtype(torch::kBool)).triu(1);
      scores = scores.masked_fill(later, -std::numeric_limits<double>::infinity());
    }
    const torch::Tensor heard = torch::matmul(scores.softmax(3), value);
    return proj_->forward(heard.transpose(1, 2).reshape({rows, positions, channels}));
  }
  /// Puts one position into its place and returns those up to it.
  static torch::Tensor extended(torch::Tensor& kept, const torch::Tensor& one, std::int64_t place) {
    kept.narrow(2, place, 1).copy_(one);
    return kept.narrow(2, 0, place + 1);
  }

  std::int64_t heads_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  torch::nn::Linear qkv_{nullptr}, proj_{nullptr}, fc1_{nullptr}, fc2_{nullptr};
};

CodePriorImpl::CodePriorImpl(CodePriorOptions options) : options_(options) {
  check_options(options_);
  const std::int64_t width = options_.channels;
  const auto embedding = [&](const char* name, std::int64_t count) {
    return register_parameter(name, kFirstDeviation * torch::randn({count, width}));
  };
  embed_ = embedding("embed", options_.codes + 1);  // the last is what stands before the first code
  row_embed_ = embedding("row_embed", options_.rows);
  step_embed_ = embedding("step_embed", options_.steps);
  torch::nn::ModuleList blocks = register_module("blocks", torch::nn::ModuleList());
  for (std::int64_t i = 0; i < options_.layers; ++i) {
    blocks_.push_back(std::make_shared<CausalBlockImpl>(width, options_.heads));
    blocks->push_back(blocks_.back());
  }
  norm_ = register_module("norm", layer_norm(width));
  out_ = register_module("out", torch::nn::Linear(width, options_.codes));
}

/// Of positions from `first` on, each following the code `previous` `[row, position]`.
torch::Tensor CodePriorImpl::logits(const torch::Tensor& previous, std::int64_t first,
                                    CodePriorCache* cache) {
  const torch::Tensor position =
      torch::arange(first, first + previous.size(1), previous.options().dtype(torch::kLong));
  const torch::Tensor place = torch::embedding(row_embed_, position.remainder(options_.rows)) +
                              torch::embedding(step_embed_, position.floor_divide(options_.rows));
  torch::Tensor h = torch::embedding(embed_, previous) + place;
  for (std::size_t i = 0; i < blocks_.size(); ++i) h = blocks_[i]->forward(h, cache, i);
  return out_->forward(norm_->forward(h));
}

torch::Tensor CodePriorImpl::forward(const torch::Tensor& codes) {
  if (!codes.defined() || codes.dim() != 2 || codes.numel() == 0 || codes.scalar_type() != torch::kLong ||
      codes.size(1) > options_.rows * options_.steps) {
    fail<NetworkError>("code prior: expected codes [row, 1 to {} positions], int64, found {}",
                       options_.rows * options_.steps,
                       codes.defined() ? fmt::format("[{}]", fmt::join(codes.sizes(), ", ")) : "undefined");
  }
  const torch::Tensor start = torch::full({codes.size(0), 1}, options_.codes, codes.options());
  return logits(torch::cat({start, codes.narrow(1, 0, codes.size(1) - 1)}, 1), 0, nullptr);
}

torch::Tensor CodePriorImpl::next(const torch::Tensor& last, CodePriorCache& cache) {
  const std::int64_t most = options_.rows * options_.steps;
  if (last.dim() != 1 || last.numel() == 0 || cache.length >= most ||
      (cache.length > 0 && cache.keys.front().size(0) != last.size(0))) {
    fail<NetworkError>("code prior: expected codes [row], the same rows at each of at most {} positions",
                       most);
  }
  if (cache.length == 0) {
    const std::vector<std::int64_t> shape{last.size(0), options_.heads, most,
                                          options_.channels / options_.heads};
    cache.keys.clear();
    cache.values.clear();
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      cache.keys.push_back(torch::empty(shape, embed_.options().requires_grad(false)));
      cache.values.push_back(torch::empty(shape, embed_.options().requires_grad(false)));
    }
  }
  const torch::NoGradGuard no_grad;
  const torch::Tensor previous = cache.length == 0 ? torch::full_like(last, options_.codes) : last;
  const torch::Tensor found = logits(previous.unsqueeze(1), cache.length, &cache);
  ++cache.length;
  return found.squeeze(1);
}

}  // namespace partita::nn
