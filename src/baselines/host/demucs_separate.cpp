#include <algorithm>

#include "partita/audio/resample.hpp"
#include "partita/baselines/demucs.hpp"

namespace partita::baselines {
namespace {

/// Cut, or followed by zeros.
torch::Tensor of_length(const torch::Tensor& samples, std::int64_t length) {
  const std::int64_t missing = std::max<std::int64_t>(0, length - samples.size(-1));
  return torch::constant_pad_nd(samples, {0, missing}).narrow(-1, 0, length);
}

/// At the network's rate, whatever the channels.
torch::Tensor separate_channels(DemucsImpl& network, const torch::Tensor& samples, double overlap) {
  const std::int64_t wanted = network.options().audio_channels;
  if (samples.size(0) == wanted) return separate_segments(network, samples, overlap);
  if (wanted == 1) {
    std::vector<torch::Tensor> channels;
    for (const auto& channel : samples.split(1))
      channels.push_back(separate_segments(network, channel, overlap));
    return torch::cat(channels, 1);
  }
  if (samples.size(0) != 1) {
    fail<BaselineError>("demucs: the model takes {} channels, found {}; mix them down to as many, or to one",
                        wanted, samples.size(0));
  }
  return separate_segments(network, samples.expand({wanted, samples.size(1)}), overlap).mean(1, true);
}

}  // namespace

torch::Tensor separate(DemucsImpl& network, const torch::Tensor& samples, int sample_rate, double overlap) {
  if (samples.dim() != 2 || samples.numel() == 0 || !samples.is_floating_point()) {
    fail<BaselineError>("demucs: expected real samples [channel, sample], found {} axes, {} values",
                        samples.dim(), samples.numel());
  }
  if (sample_rate < 1) fail<BaselineError>("demucs: expected a positive sample rate, found {}", sample_rate);
  const int own = network.options().sample_rate;
  torch::Tensor heard = audio::resample(samples.to(torch::kCPU, torch::kFloat32), sample_rate, own);
  heard = of_length(heard, std::max<std::int64_t>(1, heard.size(1)));
  const torch::Tensor stems = separate_channels(network, heard, overlap);
  const torch::Tensor at_rate = audio::resample(stems.flatten(0, 1), own, sample_rate);
  return of_length(at_rate, samples.size(1)).reshape({stems.size(0), stems.size(1), samples.size(1)});
}

}  // namespace partita::baselines
