#pragma once

#include <torch/nn.h>

#include <cstdint>
#include <string>

namespace partita::nn {

/// What the blocks of a network share; names are those of UNetOptions.
struct BlockStyle {
  std::string norm;
  std::string activation;
  double p_drop = 0.0;
  bool bias = true;
  std::int64_t cond_dim = 0;   ///< 0: no FiLM
  std::int64_t tcond_dim = 0;  ///< 0: no time condition
};

/// Group normalisation falls back to none where the channels do not divide into 16 groups (fewer
/// channels than 16 make one group each), as in the reference.
torch::nn::AnyModule make_norm(const std::string& norm, std::int64_t channels);
torch::nn::AnyModule make_activation(const std::string& activation, std::int64_t channels);

/// Throw NetworkError for a name that no option has.
void check_norm(const std::string& norm);
void check_activation(const std::string& activation);
void check_dropout(double p_drop);

/// A convolution of stride 1 that keeps the length, by Winograd's algorithm where that is faster
/// (winograd.hpp).
class SameConvImpl : public torch::nn::Conv1dImpl {
 public:
  SameConvImpl(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel, bool has_bias);
  torch::Tensor forward(const torch::Tensor& x);
};
TORCH_MODULE(SameConv);

/// Length divided by `factor` (> 1), rounded up: kernel 2·factor + 1.
torch::nn::Conv1d downsample_conv(std::int64_t c_in, std::int64_t c_out, std::int64_t factor);
/// Length times `factor` (> 1): kernel 2·factor.
torch::nn::ConvTranspose1d upsample_conv(std::int64_t c_in, std::int64_t c_out, std::int64_t factor,
                                         bool bias);

/// `[batch, channel, frame]` brought to `frames` by nearest-exact interpolation.
torch::Tensor interpolate_nearest(const torch::Tensor& x, std::int64_t frames);

/// Group normalisation in the precision of its weights, whatever autocast made of x: LibTorch 1.13's own
/// wants both alike.
class GroupNormImpl : public torch::nn::GroupNormImpl {
 public:
  GroupNormImpl(std::int64_t groups, std::int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);
};
TORCH_MODULE(GroupNorm);

/// x + sin²(e^alpha x) / e^beta, one alpha and beta a channel; x `[batch, channel]` or
/// `[..., channel, frame]`.
class SnakeBetaImpl : public torch::nn::Module {
 public:
  explicit SnakeBetaImpl(std::int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::Tensor alpha_;
  torch::Tensor beta_;
};
TORCH_MODULE(SnakeBeta);

/// Nearest upsampling, then a convolution of kernel 3 (named "1": the reference has a Sequential).
class NearestUpsampleImpl : public torch::nn::Module {
 public:
  NearestUpsampleImpl(std::int64_t c_in, std::int64_t c_out, std::int64_t factor, bool bias);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  std::int64_t factor_;
  SameConv conv_{nullptr};
};
TORCH_MODULE(NearestUpsample);

/// Multi-head self-attention over frames with a residual connection, 32 channels a head.
class SelfAttention1dImpl : public torch::nn::Module {
 public:
  explicit SelfAttention1dImpl(std::int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  std::int64_t n_head_;
  GroupNorm norm_{nullptr};
  SameConv qkv_proj_{nullptr};
  SameConv out_proj_{nullptr};
};
TORCH_MODULE(SelfAttention1d);

/// Scales and shifts x `[batch, c_out, frame]` by functions of cond `[batch, c_cond]`, then activates.
class FiLMImpl : public torch::nn::Module {
 public:
  FiLMImpl(std::int64_t c_cond, std::int64_t c_out, const std::string& activation);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& cond);

 private:
  torch::nn::Sequential linear_{nullptr};
  torch::nn::AnyModule act_;
};
TORCH_MODULE(FiLM);

/// Two convolutions with normalisation, FiLM between them and the time condition concatenated before
/// the second; residual.
class ResConvBlockImpl : public torch::nn::Module {
 public:
  ResConvBlockImpl(std::int64_t c_in, std::int64_t c_out, std::int64_t kernel, const BlockStyle& style);
  /// x `[batch, c_in, frame]` to `[batch, c_out, frame]`; cond and time_cond are undefined where the
  /// style has none.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& cond, const torch::Tensor& time_cond);

 private:
  SameConv skip_{nullptr};
  torch::nn::Sequential block1_{nullptr};
  FiLM film_{nullptr};
  torch::nn::Sequential tblock_{nullptr};
  torch::nn::Dropout drop_{nullptr};
  torch::nn::Sequential block2_{nullptr};
};
TORCH_MODULE(ResConvBlock);

}  // namespace partita::nn
