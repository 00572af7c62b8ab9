#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <vector>

namespace partita::codec {

/// Residual vector quantiser (official ResidualVectorQuantizer): each codebook codes what those before it
/// left over. Buffers are named "vq.layers.<i>._codebook.{inited, cluster_size, embed, embed_avg}".
class Quantizer final : public torch::nn::Module {
 public:
  Quantizer(std::int64_t codebooks, std::int64_t size, std::int64_t dimension);
  /// Derives the search's tables from the codebooks: called once they are loaded and placed.
  void prepare();
  /// Embeddings `[batch, dimension, frame]` to codes of the first `codebooks` `[batch, codebook, frame]`.
  [[nodiscard]] torch::Tensor encode(const torch::Tensor& embeddings, std::int64_t codebooks) const;
  /// Codes to the sums of their vectors `[batch, dimension, frame]`. Throws CodecError for codes that are
  /// no int64 `[batch, 1 … codebooks, frame]` between 0 and size − 1.
  [[nodiscard]] torch::Tensor decode(const torch::Tensor& codes) const;

 private:
  struct Codebook {
    torch::Tensor embed;        ///< `[entry, dimension]`
    torch::Tensor transposed;   ///< `[dimension, entry]`
    torch::Tensor half_square;  ///< −|e|²/2, `[entry]`
  };
  void check(const torch::Tensor& codes) const;

  std::int64_t size_;
  std::vector<Codebook> codebooks_;
};

}  // namespace partita::codec
