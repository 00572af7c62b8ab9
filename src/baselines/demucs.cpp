#include "partita/baselines/demucs.hpp"

#include <fmt/ranges.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "sinc_resampler.hpp"

namespace partita::baselines {
namespace {

constexpr double kLeastDeviation = 1e-5;
constexpr std::int64_t kMostChannels = 8192;  // of any level

/// A whole number among the options, and what it may be.
struct WholeOption {
  const char* name;
  std::int64_t DemucsOptions::*value;
  std::int64_t least, most;
};
constexpr std::array<WholeOption, 6> kWholeOptions{{{"channels", &DemucsOptions::channels, 1, 1024},
                                                    {"depth", &DemucsOptions::depth, 1, 10},
                                                    {"kernel_size", &DemucsOptions::kernel_size, 1, 64},
                                                    {"stride", &DemucsOptions::stride, 1, 64},
                                                    {"lstm_layers", &DemucsOptions::lstm_layers, 0, 8},
                                                    {"context", &DemucsOptions::context, 1, 63}}};

/// Channels of each level, the outermost first.
std::vector<std::int64_t> level_channels(const DemucsOptions& options) {
  std::vector<std::int64_t> levels{options.channels};
  while (static_cast<std::int64_t>(levels.size()) < options.depth && levels.back() <= kMostChannels)
    levels.push_back(static_cast<std::int64_t>(options.growth * static_cast<double>(levels.back())));
  return levels;
}

bool has_growth(double growth) { return growth >= 1.0 && growth <= 4.0; }

void check_options(const DemucsOptions& options) {
  for (const auto& [name, value, least, most] : kWholeOptions) {
    if (options.*value < least || options.*value > most) {
      fail<BaselineError>("demucs: {} is {}, expected {} to {}", name, options.*value, least, most);
    }
  }
  if (!has_growth(options.growth))
    fail<BaselineError>("demucs: growth is {}, expected 1 to 4", options.growth);
  if (const std::int64_t most = level_channels(options).back(); most > kMostChannels) {
    fail<BaselineError>("demucs: the innermost level would have {} channels, more than {}", most,
                        kMostChannels);
  }
  if (options.audio_channels < 1 || options.sample_rate < 1 || !(options.segment_seconds > 0.0)) {
    fail<BaselineError>(
        "demucs: expected channels of audio, a rate and seconds of a segment above 0, found {}, {} and {}",
        options.audio_channels, options.sample_rate, options.segment_seconds);
  }
  const std::set<std::string> distinct(options.sources.begin(), options.sources.end());
  if (distinct.empty() || distinct.size() != options.sources.size()) {
    fail<BaselineError>("demucs: expected different sources such as drums, bass; found [{}]",
                        fmt::join(options.sources, ", "));
  }
}

torch::nn::Sequential encoder_level(std::int64_t in, std::int64_t out, const DemucsOptions& options) {
  const auto strided = torch::nn::Conv1dOptions(in, out, options.kernel_size).stride(options.stride);
  return torch::nn::Sequential(torch::nn::Conv1d(strided), torch::nn::ReLU(),
                               torch::nn::Conv1d(torch::nn::Conv1dOptions(out, 2 * out, 1)),
                               torch::nn::GLU(torch::nn::GLUOptions(1)));
}

torch::nn::Sequential decoder_level(std::int64_t in, std::int64_t out, const DemucsOptions& options) {
  const auto strided = torch::nn::ConvTranspose1dOptions(in, out, options.kernel_size).stride(options.stride);
  return torch::nn::Sequential(torch::nn::Conv1d(torch::nn::Conv1dOptions(in, 2 * in, options.context)),
                               torch::nn::GLU(torch::nn::GLUOptions(1)), torch::nn::ConvTranspose1d(strided));
}

/// Brings the deviation of a convolution's weights half of the way, in decibels, to `reference`.
template <class Convolution>
void rescale(torch::nn::Module& module, double reference) {
  auto* convolution = module.as<Convolution>();
  if (convolution == nullptr) return;
  const torch::Tensor scale = (convolution->weight.std() / reference).sqrt();
  convolution->weight.div_(scale);
  convolution->bias.div_(scale);
}

void check_finite(const DemucsImpl& network, const std::string& what) {
  std::vector<std::string> broken;
  for (const auto& [name, tensor] : io::state_of(network)) {
    if (!torch::isfinite(tensor).all().item<bool>()) broken.push_back(name);
  }
  if (!broken.empty())
    fail<BaselineError>("{}: not finite: {}; fetch or train it anew", what, fmt::join(broken, ", "));
}

Demucs loaded(DemucsOptions options, const io::TensorMap& weights, const std::string& what,
              torch::Device device) {
  Demucs network(std::move(options));
  io::load_state(*network, weights, what);
  check_finite(*network, what);
  network->to(device);
  network->eval();
  return network;
}

}  // namespace

/// The original's BLSTM.
class BidirectionalLstmImpl : public torch::nn::Module {
 public:
  BidirectionalLstmImpl(std::int64_t channels, std::int64_t layers) {
    lstm_ = register_module(
        "lstm",
        torch::nn::LSTM(torch::nn::LSTMOptions(channels, channels).num_layers(layers).bidirectional(true)));
    linear_ = register_module("linear", torch::nn::Linear(2 * channels, channels));
  }
  /// `[batch, channel, frame]` to the same.
  torch::Tensor forward(const torch::Tensor& x) {
    return linear_->forward(std::get<0>(lstm_->forward(x.permute({2, 0, 1})))).permute({1, 2, 0});
  }

 private:
  torch::nn::LSTM lstm_{nullptr};
  torch::nn::Linear linear_{nullptr};
};

DemucsOptions demucs_options(const io::Config& config) {
  const io::Config table = config.table("demucs");
  DemucsOptions options;
  for (const auto& [name, value, least, most] : kWholeOptions) {
    options.*value = table.get<std::int64_t>(name, options.*value);
    table.require(options.*value >= least && options.*value <= most, name,
                  fmt::format("{} to {}", least, most));
  }
  options.growth = table.get<double>("growth", options.growth);
  options.rescale = table.get<double>("rescale", options.rescale);
  options.resample = table.get<bool>("resample", options.resample);
  options.normalize = table.get<bool>("normalize", options.normalize);
  options.segment_seconds = table.get<double>("segment_seconds", options.segment_seconds);
  table.require(has_growth(options.growth), "growth", "1 to 4");
  table.require(options.rescale >= 0.0, "rescale", "0 (off) or more");
  table.require(options.segment_seconds >= 0.5 && options.segment_seconds <= 600.0, "segment_seconds",
                "0.5 to 600");
  return options;
}

std::string to_toml(const DemucsOptions& options) {
  std::string text = "[demucs]\n";
  for (const auto& option : kWholeOptions)
    text += fmt::format("{} = {}\n", option.name, options.*option.value);
  return text +
         fmt::format("growth = {}\nrescale = {}\nresample = {}\nnormalize = {}\nsegment_seconds = {}\n",
                     options.growth, options.rescale, options.resample, options.normalize,
                     options.segment_seconds);
}

torch::Tensor middle(const torch::Tensor& samples, std::int64_t length) {
  return samples.narrow(-1, (samples.size(-1) - length) / 2, length);
}

DemucsImpl::DemucsImpl(DemucsOptions options) : options_(std::move(options)) {
  check_options(options_);
  const auto encoder = register_module("encoder", torch::nn::ModuleList());
  const auto decoder = register_module("decoder", torch::nn::ModuleList());
  std::int64_t in = options_.audio_channels;
  for (const std::int64_t channels : level_channels(options_)) {
    encoder_.push_back(encoder_level(in, channels, options_).ptr());
    const bool outermost = decoder_.empty();
    const std::int64_t out =
        outermost ? options_.audio_channels * static_cast<std::int64_t>(options_.sources.size()) : in;
    torch::nn::Sequential decode = decoder_level(channels, out, options_);
    if (!outermost) decode->push_back(torch::nn::ReLU());
    decoder_.push_back(decode.ptr());
    in = channels;
  }
  std::reverse(decoder_.begin(), decoder_.end());
  for (const auto& level : encoder_) encoder->push_back(level);
  for (const auto& level : decoder_) decoder->push_back(level);
  if (options_.lstm_layers > 0)
    lstm_ = register_module("lstm", std::make_shared<BidirectionalLstmImpl>(in, options_.lstm_layers));
  if (options_.resample) {
    up_ = std::make_unique<SincResampler>(1, 2);
    down_ = std::make_unique<SincResampler>(2, 1);
  }
  if (options_.rescale <= 0.0) return;
  const torch::NoGradGuard no_gradient;
  for (const auto& module : modules(false)) {
    rescale<torch::nn::Conv1dImpl>(*module, options_.rescale);
    rescale<torch::nn::ConvTranspose1dImpl>(*module, options_.rescale);
  }
}

DemucsImpl::~DemucsImpl() = default;

std::int64_t DemucsImpl::valid_length(std::int64_t length) const {
  if (options_.resample) length *= 2;
  const std::int64_t kernel = options_.kernel_size;
  const std::int64_t stride = options_.stride;
  for (std::int64_t i = 0; i < options_.depth; ++i) {
    const std::int64_t steps = length <= kernel ? 0 : (length - kernel + stride - 1) / stride;
    length = steps + options_.context;
  }
  for (std::int64_t i = 0; i < options_.depth; ++i) length = (length - 1) * stride + kernel;
  return options_.resample ? (length + 1) / 2 : length;
}

torch::Tensor DemucsImpl::layers(torch::Tensor x) {
  std::vector<torch::Tensor> skips;
  for (const auto& level : encoder_) {
    x = level->forward(x);
    skips.push_back(x);
  }
  if (lstm_) x = lstm_->forward(x);
  for (const auto& level : decoder_) {
    x = level->forward(x + middle(skips.back(), x.size(-1)));
    skips.pop_back();
  }
  return x;
}

torch::Tensor DemucsImpl::forward(const torch::Tensor& mixture) {
  if (!mixture.defined() || mixture.dim() != 3 || mixture.size(1) != options_.audio_channels ||
      mixture.size(2) < valid_length(1)) {
    fail<BaselineError>("demucs: expected a mixture [batch, {}, {} or more], found {}",
                        options_.audio_channels, valid_length(1),
                        mixture.defined() ? c10::str(mixture.sizes()) : "none");
  }
  torch::Tensor x = mixture;
  torch::Tensor mean, deviation;
  if (options_.normalize) {
    const torch::Tensor mono = mixture.mean(1, true);
    mean = mono.mean(-1, true);
    deviation = mono.std(std::vector<std::int64_t>{-1}, true, true);
    x = (x - mean) / (kLeastDeviation + deviation);
  } else {
    x = x / (1.0 + kLeastDeviation);
  }
  if (up_) x = (*up_)(x);
  x = layers(x);
  if (down_) x = (*down_)(x);
  if (options_.normalize) x = x * deviation + mean;
  return x.reshape(
      {x.size(0), static_cast<std::int64_t>(options_.sources.size()), options_.audio_channels, x.size(-1)});
}

Demucs load_demucs(const io::ModelFolder& folder, torch::Device device) {
  const std::string where = folder.path().string();
  if (folder.kind() != kDemucsKind) {
    fail<BaselineError>("{}: expected a model of kind '{}', found kind '{}'", where, kDemucsKind,
                        folder.kind());
  }
  const io::Config& card = folder.card();
  DemucsOptions options = demucs_options(card);
  options.sources = card.get<std::vector<std::string>>("components");
  options.audio_channels = card.get<std::int64_t>("audio_channels");
  options.sample_rate = card.get<int>("sample_rate");
  return loaded(std::move(options), folder.weights().tensors(), where, device);
}

Demucs load_demucs(const io::TensorMap& weights, const std::string& what, torch::Device device) {
  DemucsOptions options;
  const auto first = weights.find("encoder.0.0.weight");
  const auto last = weights.find(fmt::format("encoder.{}.0.weight", options.depth - 1));
  if (first != weights.end() && first->second.dim() == 3) options.channels = first->second.size(0);
  if (last == weights.end() || last->second.dim() != 3 ||
      last->second.size(0) != options.channels << (options.depth - 1)) {
    fail<BaselineError>(
        "{}: expected the weights of Demucs, version 2, six levels of convolutions that double their "
        "channels; give demucs, demucs_extra or demucs48_hq (quantised ones and later versions are other "
        "networks)",
        what);
  }
  options.normalize = true;
  return loaded(std::move(options), weights, what, device);
}

}  // namespace partita::baselines
