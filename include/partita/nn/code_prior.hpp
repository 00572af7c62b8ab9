#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "partita/nn/error.hpp"

namespace torch::nn {
class LinearImpl;
class LayerNormImpl;
}  // namespace torch::nn

namespace partita::nn {

class CausalBlockImpl;

struct CodePriorOptions {
  std::int64_t codes = 512;
  std::int64_t rows = 8;    ///< codes a step in time
  std::int64_t steps = 32;  ///< the most of them
  std::int64_t channels = 128;
  std::int64_t heads = 4;  ///< divides channels
  std::int64_t layers = 3;
};

/// Keys and values of the positions that an autoregressive network has seen.
struct CodePriorCache {
  std::vector<torch::Tensor> keys, values;  ///< of each layer `[row, head, position, channel]`
  std::int64_t length = 0;
};

/// An autoregressive prior of codes: a causal transformer with layer normalisation first (GPT-2's), over
/// codes in the order of VqVae's positions. Throws NetworkError for options that do not fit together and for
/// codes of other shapes.
class CodePriorImpl : public torch::nn::Module {
 public:
  explicit CodePriorImpl(CodePriorOptions options);
  /// Codes `[row, position]` to the logits of each given those before it, `[row, position, code]`.
  torch::Tensor forward(const torch::Tensor& codes);
  /// Logits `[row, code]` of the code at position cache.length, `last` `[row]` being the code before it
  /// (anything at position 0). Moves the cache on.
  torch::Tensor next(const torch::Tensor& last, CodePriorCache& cache);
  [[nodiscard]] const CodePriorOptions& options() const { return options_; }

 private:
  [[nodiscard]] torch::Tensor logits(const torch::Tensor& previous, std::int64_t first,
                                     CodePriorCache* cache);

  CodePriorOptions options_;
  torch::Tensor embed_, row_embed_, step_embed_;
  std::vector<std::shared_ptr<CausalBlockImpl>> blocks_;
  std::shared_ptr<torch::nn::LayerNormImpl> norm_;
  std::shared_ptr<torch::nn::LinearImpl> out_;
};
TORCH_MODULE(CodePrior);

}  // namespace partita::nn
