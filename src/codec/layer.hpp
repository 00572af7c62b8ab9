#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

namespace partita::codec {

/// What a layer carries from one block of a stream to the next; `inner` belongs to the layers inside it.
struct Carry {
  bool started = false;
  std::vector<torch::Tensor> held;
  std::vector<Carry> inner;
};

/// A layer over `[batch, channel, sample]` that takes a signal whole or block by block: the outputs of all
/// blocks joined are the output of the signal taken whole.
class Layer : public torch::nn::Module {
 public:
  /// The next block of the signal whose carry this is (a new one at its start); `last` if none follows. The
  /// output may be shorter than the block calls for, or empty: the rest comes with later blocks.
  virtual torch::Tensor forward(const torch::Tensor& x, Carry& carry, bool last) = 0;
  /// Derives what the layer computes with from its parameters: called once they are loaded and placed.
  virtual void prepare() {}
};

/// A parameter that needs no gradient and no initial value: weights are always loaded.
inline torch::Tensor empty_parameter(torch::nn::Module& module, const std::string& name,
                                     torch::IntArrayRef shape) {
  return module.register_parameter(name, torch::empty(shape), /*requires_grad=*/false);
}

class Elu final : public Layer {
 public:
  /// `overwrite`: nobody else needs the input.
  explicit Elu(bool overwrite) : overwrite_(overwrite) {}
  torch::Tensor forward(const torch::Tensor& x, Carry& /*carry*/, bool /*last*/) override {
    if (!overwrite_) return torch::elu(x);
    torch::Tensor y = x;
    return torch::elu_(y);
  }

 private:
  bool overwrite_;
};

/// Layers one after the other, named "0", "1", ….
class Sequence final : public Layer {
 public:
  explicit Sequence(std::vector<std::shared_ptr<Layer>> layers) : layers_(std::move(layers)) {
    for (std::size_t i = 0; i < layers_.size(); ++i) register_module(std::to_string(i), layers_[i]);
  }

  torch::Tensor forward(const torch::Tensor& x, Carry& carry, bool last) override {
    carry.inner.resize(layers_.size());
    torch::Tensor y = x;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (y.size(2) == 0 && !last) return y;
      y = layers_[i]->forward(y, carry.inner[i], last);
    }
    return y;
  }

  void prepare() override {
    for (const auto& layer : layers_) layer->prepare();
  }

 private:
  std::vector<std::shared_ptr<Layer>> layers_;
};

}  // namespace partita::codec
