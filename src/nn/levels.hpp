#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "blocks.hpp"

namespace partita::nn {

/// What one level of a network adds to the style: kernel, stride, attention.
struct LevelOptions {
  std::int64_t in_c = 0;
  std::int64_t out_c = 0;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  bool use_attn = false;
};

/// Residual block and attention at the level's length, then a convolution down to the next level.
class EncoderBlockImpl : public torch::nn::Module {
 public:
  EncoderBlockImpl(const LevelOptions& level, const BlockStyle& style);
  /// x `[batch, in_c, frame]` to the next level's `[batch, out_c, frame / stride]` (rounded up) and the
  /// skip connection `[batch, in_c, frame]`.
  std::pair<torch::Tensor, torch::Tensor> forward(const torch::Tensor& x, const torch::Tensor& cond,
                                                  const torch::Tensor& time_cond);

 private:
  ResConvBlock conv_{nullptr};
  SelfAttention1d attn_{nullptr};
  torch::nn::AnyModule down_;
};
TORCH_MODULE(EncoderBlock);

/// The level below the last: residual block and attention.
class BottleneckBlockImpl : public torch::nn::Module {
 public:
  BottleneckBlockImpl(const LevelOptions& level, const BlockStyle& style);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& cond, const torch::Tensor& time_cond);

 private:
  ResConvBlock conv_{nullptr};
  SelfAttention1d attn_{nullptr};
};
TORCH_MODULE(BottleneckBlock);

/// Up to the level's length, joined with the skip connection ("cat", "add", "none"), then residual block
/// and attention.
class DecoderBlockImpl : public torch::nn::Module {
 public:
  DecoderBlockImpl(const LevelOptions& level, const BlockStyle& style, const std::string& skip_type,
                   bool use_nearest);
  /// x `[batch, in_c, frame / stride]`, skip `[batch, out_c, frame]` to `[batch, out_c, frame]`.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& skip, const torch::Tensor& cond,
                        const torch::Tensor& time_cond);

 private:
  std::string skip_type_;
  torch::nn::AnyModule up_;
  ResConvBlock conv_{nullptr};
  SelfAttention1d attn_{nullptr};
};
TORCH_MODULE(DecoderBlock);

}  // namespace partita::nn
