#pragma once

#include <cstdint>
#include <vector>

#include "layer.hpp"

namespace partita::codec {

/// LSTM over time, added to its input (official SLSTM).
///
/// On a CPU its layers run side by side, each a few frames behind the one before it, and one or two signals
/// take matrix-vector products: ATen's LSTM repacks its recurrent weights at every frame, which costs half
/// the time of the whole codec.
class ResidualLstm final : public Layer {
 public:
  ResidualLstm(std::int64_t channels, std::int64_t layers);
  torch::Tensor forward(const torch::Tensor& x, Carry& carry, bool last) override;
  /// Its weights are read anew at every step.
  [[nodiscard]] bool gains_by_batches() const override { return true; }

 private:
  struct Weights {
    torch::Tensor ih, hh, bias_ih, bias_hh, bias;  ///< bias: the sum of both
  };
  void prepare(torch::Dtype precision) override;
  /// Input `[frame, batch, channel]` to the hidden states; `hidden` and `cell` `[batch, channel]` move on.
  static torch::Tensor run(const Weights& weights, const torch::Tensor& input, torch::Tensor hidden,
                           torch::Tensor cell);
  [[nodiscard]] torch::Tensor run_staggered(const torch::Tensor& input, Carry& carry) const;
  [[nodiscard]] torch::Tensor run_aten(const torch::Tensor& input, Carry& carry) const;

  std::int64_t channels_;
  std::vector<Weights> layers_;
};

}  // namespace partita::codec
