#include "seanet.hpp"

#include "lstm.hpp"

namespace partita::codec {
namespace {

constexpr std::int64_t kKernel = 7;  // of the first and the last convolution
constexpr std::int64_t kResidualKernel = 3;
constexpr std::int64_t kCompress = 2;  // channels over hidden channels of a residual block

using Layers = std::vector<std::shared_ptr<Layer>>;

ConvolutionStyle style_of(const EncodecOptions& options) { return {options.causal, !options.causal}; }

std::shared_ptr<Convolution> convolution(std::int64_t in, std::int64_t out, std::int64_t kernel,
                                         std::int64_t stride, const ConvolutionStyle& style) {
  return std::make_shared<Convolution>(Convolution::Shape{in, out, kernel, stride, 1}, style);
}

/// `[batch, channel, sample]` to `[batch, sample, channel]` and back.
torch::Tensor turned(const torch::Tensor& x) { return x.transpose(1, 2).contiguous(); }

std::int64_t widest(const EncodecOptions& options) { return options.filters << options.ratios.size(); }

}  // namespace

ResidualBlock::ResidualBlock(std::int64_t channels, const ConvolutionStyle& style) {
  const std::int64_t hidden = channels / kCompress;
  block_ = register_module(
      "block", std::make_shared<Sequence>(Layers{
                   std::make_shared<Elu>(false), convolution(channels, hidden, kResidualKernel, 1, style),
                   std::make_shared<Elu>(true), convolution(hidden, channels, 1, 1, style)}));
  shortcut_ = register_module("shortcut", convolution(channels, channels, 1, 1, style));
}

torch::Tensor ResidualBlock::forward(const torch::Tensor& x, Carry& carry, bool last) {
  carry.inner.resize(2);
  const torch::Tensor waiting = carry.held.empty() ? x : torch::cat({carry.held.front(), x}, 1);
  const torch::Tensor y = block_->forward(x, carry.inner[0], last);
  const std::int64_t count = y.size(1);
  const std::int64_t rest = waiting.size(1) - count;
  carry.held.clear();
  if (rest > 0) carry.held.push_back(waiting.narrow(1, count, rest).clone());
  if (count == 0) return x.narrow(1, 0, 0);
  return shortcut_->forward(waiting.narrow(1, 0, count), carry.inner[1], last).add_(y);
}

void ResidualBlock::prepare(torch::Dtype precision) {
  block_->prepare(precision);
  shortcut_->prepare(precision);
}

torch::Tensor SeaNet::forward(const torch::Tensor& x, Carry& carry, bool last) {
  return turned(model_->forward(turned(x), carry, last));
}

std::vector<torch::Tensor> SeaNet::forward_each(std::vector<torch::Tensor> signals) {
  for (torch::Tensor& signal : signals) signal = turned(signal);
  signals = model_->forward_each(std::move(signals));
  for (torch::Tensor& signal : signals) signal = turned(signal);
  return signals;
}

std::shared_ptr<SeaNet> make_seanet_encoder(const EncodecOptions& options) {
  const ConvolutionStyle style = style_of(options);
  std::int64_t channels = options.filters;
  Layers layers{convolution(options.channels, channels, kKernel, 1, style)};
  for (auto ratio = options.ratios.rbegin(); ratio != options.ratios.rend(); ++ratio) {
    layers.push_back(std::make_shared<ResidualBlock>(channels, style));
    layers.push_back(std::make_shared<Elu>(true));
    layers.push_back(convolution(channels, 2 * channels, 2 * *ratio, *ratio, style));
    channels *= 2;
  }
  layers.push_back(std::make_shared<ResidualLstm>(channels, options.lstm_layers));
  layers.push_back(std::make_shared<Elu>(true));
  layers.push_back(convolution(channels, options.dimension, kKernel, 1, style));
  return std::make_shared<SeaNet>(std::move(layers));
}

std::shared_ptr<SeaNet> make_seanet_decoder(const EncodecOptions& options) {
  const ConvolutionStyle style = style_of(options);
  std::int64_t channels = widest(options);
  Layers layers{convolution(options.dimension, channels, kKernel, 1, style),
                std::make_shared<ResidualLstm>(channels, options.lstm_layers)};
  for (const std::int64_t ratio : options.ratios) {
    layers.push_back(std::make_shared<Elu>(true));
    layers.push_back(std::make_shared<TransposedConvolution>(channels, channels / 2, ratio, style));
    layers.push_back(std::make_shared<ResidualBlock>(channels / 2, style));
    channels /= 2;
  }
  layers.push_back(std::make_shared<Elu>(true));
  layers.push_back(convolution(channels, options.channels, kKernel, 1, style));
  return std::make_shared<SeaNet>(std::move(layers));
}

}  // namespace partita::codec
