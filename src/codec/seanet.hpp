#pragma once

#include <cstdint>
#include <memory>

#include "convolution.hpp"
#include "partita/codec/encodec.hpp"

namespace partita::codec {

/// ELU and convolution twice, beside a 1×1 convolution (official SEANetResnetBlock).
class ResidualBlock final : public Layer {
 public:
  ResidualBlock(std::int64_t channels, const ConvolutionStyle& style);
  torch::Tensor forward(const torch::Tensor& x, Carry& carry, bool last) override;
  void prepare(torch::Dtype precision) override;

 private:
  std::shared_ptr<Sequence> block_;
  std::shared_ptr<Convolution> shortcut_;
};

/// Encoder or decoder: layers named "model.0", "model.1", … as in the official SEANetEncoder and
/// SEANetDecoder. Unlike the layers in it, over `[batch, channel, sample]`.
class SeaNet final : public Layer {
 public:
  explicit SeaNet(std::vector<std::shared_ptr<Layer>> layers)
      : model_(register_module("model", std::make_shared<Sequence>(std::move(layers)))) {}
  torch::Tensor forward(const torch::Tensor& x, Carry& carry, bool last) override;
  /// Whole signals `[1, channel, sample]`, all of one length.
  std::vector<torch::Tensor> forward_each(std::vector<torch::Tensor> signals);
  void prepare(torch::Dtype precision) override { model_->prepare(precision); }

 private:
  std::shared_ptr<Sequence> model_;
};

/// Audio `[batch, channels, sample]` to embeddings `[batch, dimension, ceil(sample / hop)]`.
std::shared_ptr<SeaNet> make_seanet_encoder(const EncodecOptions& options);
/// Embeddings to audio `[batch, channels, frame · hop]`.
std::shared_ptr<SeaNet> make_seanet_decoder(const EncodecOptions& options);

}  // namespace partita::codec
