#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "partita/nn/error.hpp"

namespace partita::nn {

class EncoderAudioImpl;
class ResConvBlockImpl;
class SameConvImpl;

/// Options of the reference's semantic encoders (paper section 4, "Architectures"), under its names.
struct SemanticEncoderOptions {
  /// "multi": an encoder of its own for each component (the paper's). "common": one encoder whose last
  /// channels are shared out among the components.
  std::string kind = "multi";
  std::int64_t n_comp = 2;
  std::int64_t in_dim = 128;
  std::vector<std::int64_t> channels{256, 512,
                                     1};  ///< last: latent channels of a component (multi), of all (common)
  std::vector<std::int64_t> kernel{3, 3, 3};
  std::vector<std::int64_t> strides{1, 1, 1};
  std::vector<bool> attn{false, false, false};
  std::string activation = "silu";  ///< "relu", "silu", "leaky", "snake", "tanh", "id"
  std::string norm = "none";        ///< "gn" (16 groups), "bn", "none"
  std::string out_fn = "id";        ///< an activation applied to the latents, e.g. "tanh" to bound them
  bool add_gru = false;             ///< a GRU over frames after the last block
  bool bias = true;
  double p_drop = 0.0;
};

/// E: x `[batch, in_dim, frame]` to z `[batch, n_comp, latent_channels(), frame / product of strides]`
/// (rounded up at each stride). Parameter names are the reference's MultiEncoder or CommonBlockEncoder.
/// Throws NetworkError for options that do not fit together and for an x of another shape.
class SemanticEncoderImpl : public torch::nn::Module {
 public:
  explicit SemanticEncoderImpl(SemanticEncoderOptions options);
  torch::Tensor forward(const torch::Tensor& x);
  /// Channels of one component's latent.
  [[nodiscard]] std::int64_t latent_channels() const;
  [[nodiscard]] const SemanticEncoderOptions& options() const { return options_; }

 private:
  SemanticEncoderOptions options_;
  std::vector<std::shared_ptr<EncoderAudioImpl>> encoders_;  ///< one a component, or the common one
  std::vector<std::shared_ptr<ResConvBlockImpl>> final_;     ///< common: after the encoder
  std::shared_ptr<SameConvImpl> final_conv_;                 ///< common
  torch::nn::AnyModule out_fn_;
};
TORCH_MODULE(SemanticEncoder);

}  // namespace partita::nn
