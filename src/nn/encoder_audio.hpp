#pragma once

#include <torch/nn/modules/rnn.h>

#include <vector>

#include "levels.hpp"
#include "partita/nn/semantic_encoder.hpp"

namespace partita::nn {

/// A stack of encoder blocks, a residual block and, if asked for, a GRU over frames (the reference's
/// EncoderAudio, whose final function is never used by the encoders built from it).
class EncoderAudioImpl : public torch::nn::Module {
 public:
  explicit EncoderAudioImpl(const SemanticEncoderOptions& options);
  /// x `[batch, in_dim, frame]` to `[batch, channels.back(), frame / product of strides]`.
  torch::Tensor forward(const torch::Tensor& x);

 private:
  std::vector<EncoderBlock> blocks_;
  ResConvBlock final_block_{nullptr};
  torch::nn::GRU gru_{nullptr};
};
TORCH_MODULE(EncoderAudio);

}  // namespace partita::nn
