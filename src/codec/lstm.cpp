#include "lstm.hpp"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cmath>
#include <tuple>

namespace partita::codec {
namespace {

constexpr std::int64_t kStagger = 20;  ///< frames that a layer is behind the one before it

constexpr std::int64_t kMostVectors = 2;  ///< signals for which matrix-vector products are faster

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

/// Moves the state of one signal on by a frame: `gates` are input, forget, cell and output, each of `size`.
void step(const float* gates, std::int64_t size, float* hidden, float* cell, float* output) {
  for (std::int64_t i = 0; i < size; ++i) {
    const float remembered = sigmoid(gates[size + i]) * cell[i];
    cell[i] = remembered + sigmoid(gates[i]) * std::tanh(gates[2 * size + i]);
    hidden[i] = sigmoid(gates[3 * size + i]) * std::tanh(cell[i]);
    output[i] = hidden[i];
  }
}

}  // namespace

ResidualLstm::ResidualLstm(std::int64_t channels, std::int64_t layers) : channels_(channels) {
  const auto lstm = register_module("lstm", std::make_shared<torch::nn::Module>());
  const std::int64_t gates = 4 * channels;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto parameter = [&](const char* kind, torch::IntArrayRef shape) {
      return empty_parameter(*lstm, fmt::format("{}_l{}", kind, layer), shape);
    };
    layers_.push_back({parameter("weight_ih", {gates, channels}),
                       parameter("weight_hh", {gates, channels}),
                       parameter("bias_ih", {gates}),
                       parameter("bias_hh", {gates}),
                       {}});
  }
}

void ResidualLstm::prepare(torch::Dtype /*precision*/) {
  for (auto& weights : layers_) weights.bias = weights.bias_ih + weights.bias_hh;
}

torch::Tensor ResidualLstm::run(const Weights& weights, const torch::Tensor& input, torch::Tensor hidden,
                                torch::Tensor cell) {
  const std::int64_t frames = input.size(0);
  const std::int64_t batch = input.size(1);
  const std::int64_t size = input.size(2);
  const torch::Tensor gates =
      torch::addmm(weights.bias, input.reshape({frames * batch, size}), weights.ih.t())
          .view({frames, batch, 4 * size});
  torch::Tensor output = torch::empty_like(input);
  for (std::int64_t t = 0; t < frames; ++t) {
    torch::Tensor now = gates[t];
    if (batch > kMostVectors) {
      now.addmm_(hidden, weights.hh.t());
    } else {
      for (std::int64_t b = 0; b < batch; ++b) now[b].addmv_(weights.hh, hidden[b]);
    }
    for (std::int64_t b = 0; b < batch; ++b) {
      step(now.data_ptr<float>() + b * 4 * size, size, hidden.data_ptr<float>() + b * size,
           cell.data_ptr<float>() + b * size, output.data_ptr<float>() + (t * batch + b) * size);
    }
  }
  return output;
}

torch::Tensor ResidualLstm::run_staggered(const torch::Tensor& input, Carry& carry) const {
  const auto layers = static_cast<std::int64_t>(layers_.size());
  const auto parts = static_cast<std::int64_t>((input.size(0) + kStagger - 1) / kStagger);
  // The parts of the input, and behind them those of each layer's output.
  std::vector<std::vector<torch::Tensor>> signals(layers_.size() + 1, input.split(kStagger));
  for (std::int64_t round = 0; round < parts + layers - 1; ++round) {
    at::parallel_for(0, layers, 1, [&](std::int64_t first, std::int64_t end) {
      const torch::NoGradGuard no_gradient;
      for (std::int64_t layer = first; layer < end; ++layer) {
        const std::int64_t part = round - layer;
        if (part < 0 || part >= parts) continue;
        const auto l = static_cast<std::size_t>(layer);
        const auto p = static_cast<std::size_t>(part);
        signals[l + 1][p] = run(layers_[l], signals[l][p], carry.held[0][layer], carry.held[1][layer]);
      }
    });
  }
  return torch::cat(signals.back());
}

torch::Tensor ResidualLstm::run_aten(const torch::Tensor& input, Carry& carry) const {
  std::vector<torch::Tensor> weights;
  for (const auto& layer : layers_) {
    weights.insert(weights.end(), {layer.ih, layer.hh, layer.bias_ih, layer.bias_hh});
  }
  const auto [output, hidden, cell] =
      torch::lstm(input, carry.held, weights, /*has_biases=*/true, static_cast<std::int64_t>(layers_.size()),
                  /*dropout=*/0.0, /*train=*/false, /*bidirectional=*/false, /*batch_first=*/false);
  carry.held = {hidden, cell};
  return output;
}

torch::Tensor ResidualLstm::forward(const torch::Tensor& x, Carry& carry, bool /*last*/) {
  if (x.size(1) == 0) return x;
  if (carry.held.empty()) {
    const std::vector<std::int64_t> shape{static_cast<std::int64_t>(layers_.size()), x.size(0), channels_};
    carry.held = {torch::zeros(shape, x.options()), torch::zeros(shape, x.options())};
  }
  const torch::Tensor input = x.transpose(0, 1).contiguous();
  const torch::Tensor output = x.is_cpu() ? run_staggered(input, carry) : run_aten(input, carry);
  return output.add_(input).transpose(0, 1).contiguous();
}

}  // namespace partita::codec
