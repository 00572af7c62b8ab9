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

 private:
  std::shared_ptr<Sequence> block_;
  std::shared_ptr<Convolution> shortcut_;
};

/// Encoder or decoder: layers named "model.0", "model.1", … as in the official SEANetEncoder and
/// SEANetDecoder.
class SeaNet final : public Layer {
 public:
  explicit SeaNet(std::vector<std::shared_ptr<Layer>> layers)
      : model_(register_module("model", std::make_shared<Sequence>(std::move(layers)))) {}
  torch::Tensor forward(const torch::Tensor& x, Carry& carry, bool last) override {
    return model_->forward(x, carry, last);
  }
  void prepare() override { model_->prepare(); }

 private:
  std::shared_ptr<Sequence> model_;
};

/// Audio `[batch, channels, sample]` to embeddings `[batch, dimension, ceil(sample / hop)]`.
std::shared_ptr<SeaNet> make_seanet_encoder(const EncodecOptions& options);
/// Embeddings to audio `[batch, channels, frame · hop]`.
std::shared_ptr<SeaNet> make_seanet_decoder(const EncodecOptions& options);

}  // namespace partita::codec
