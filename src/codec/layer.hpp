#pragma once

#include <torch/nn/module.h>

#include <algorithm>
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

/// A layer over `[batch, sample, channel]`, contiguous (oneDNN's convolutions are fastest so), that takes a
/// signal whole or block by block: the outputs of all blocks joined are the output of the signal taken whole.
class Layer : public torch::nn::Module {
 public:
  /// The next block of the signal whose carry this is (a new one at its start); `last` if none follows. The
  /// output may be shorter than the block calls for, or empty: the rest comes with later blocks.
  virtual torch::Tensor forward(const torch::Tensor& x, Carry& carry, bool last) = 0;
  /// Whether a batch of signals takes much less than one after the other.
  [[nodiscard]] virtual bool gains_by_batches() const { return false; }
  /// Derives what the layer computes with from its parameters: called once they are loaded and placed.
  /// `precision` is that of convolutions.
  virtual void prepare(torch::Dtype /*precision*/) {}
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
      if (y.size(1) == 0 && !last) return y;
      y = layers_[i]->forward(y, carry.inner[i], last);
    }
    return y;
  }

  /// Whole signals `[1, sample, channel]`, all of one length: each by itself, which keeps it in the caches,
  /// but together where that pays.
  std::vector<torch::Tensor> forward_each(std::vector<torch::Tensor> signals) {
    const auto count = static_cast<std::int64_t>(signals.size());
    const auto gains = [](const auto& layer) { return layer->gains_by_batches(); };
    for (auto next = layers_.begin(); next != layers_.end();) {
      const auto together = std::find_if(next, layers_.end(), gains);
      for (torch::Tensor& signal : signals) signal = run(next, together, signal);
      next = together;
      if (next != layers_.end()) signals = run(next, next + 1, torch::cat(signals)).chunk(count);
      if (next != layers_.end()) ++next;
    }
    return signals;
  }

  void prepare(torch::Dtype precision) override {
    for (const auto& layer : layers_) layer->prepare(precision);
  }

 private:
  using Layers = std::vector<std::shared_ptr<Layer>>;
  static torch::Tensor run(Layers::iterator first, Layers::iterator end, torch::Tensor signal) {
    for (; first != end; ++first) {
      Carry carry;
      signal = (*first)->forward(signal, carry, /*last=*/true);
    }
    return signal;
  }

  Layers layers_;
};

}  // namespace partita::codec
