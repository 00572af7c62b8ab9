#include <algorithm>
#include <cmath>
#include <utility>

#include "partita/audio/overlap_add.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/baselines/demucs.hpp"

namespace partita::baselines {
namespace {

/// `length` samples from `begin` on, which may lie outside: zeros there.
torch::Tensor stretch(const torch::Tensor& samples, std::int64_t begin, std::int64_t length) {
  const std::int64_t first = std::max<std::int64_t>(0, begin);
  const std::int64_t last = std::min(samples.size(-1), begin + length);
  return torch::constant_pad_nd(samples.slice(-1, first, last), {first - begin, begin + length - last});
}

void check(const DemucsOptions& options, const torch::Tensor& mixture, double overlap) {
  if (mixture.dim() != 2 || mixture.size(0) != options.audio_channels || mixture.size(1) < 1) {
    fail<BaselineError>("demucs: expected samples [{}, 1 or more], found {}", options.audio_channels,
                        c10::str(mixture.sizes()));
  }
  if (!(overlap >= 0.0 && overlap < 1.0)) {
    fail<BaselineError>("demucs: expected an overlap of segments from 0 to below 1, found {}", overlap);
  }
  if (!torch::isfinite(mixture).all().item<bool>()) {
    fail<BaselineError>("demucs: the samples hold NaN or infinite values");
  }
}

}  // namespace

torch::Tensor separate_segments(DemucsImpl& network, const torch::Tensor& mixture, double overlap) {
  const DemucsOptions& options = network.options();
  check(options, mixture, overlap);
  const torch::NoGradGuard no_gradient;
  const torch::Tensor samples = mixture.to(torch::kCPU, torch::kFloat32);
  const std::int64_t length = samples.size(1);
  if (samples.abs().max().item<float>() == 0.0F) {
    return torch::zeros({static_cast<std::int64_t>(options.sources.size()), samples.size(0), length});
  }
  const torch::Device device = network.parameters().front().device();
  const auto segment = static_cast<std::int64_t>(options.segment_seconds * options.sample_rate);
  const auto stride =
      std::max<std::int64_t>(1, static_cast<std::int64_t>((1.0 - overlap) * static_cast<double>(segment)));
  audio::OverlapAdd join(segment, stride);
  std::vector<torch::Tensor> parts;
  for (std::int64_t begin = 0; begin < length; begin += stride) {
    throw_if_interrupted();
    const std::int64_t count = std::min(segment, length - begin);
    const std::int64_t wide = network.valid_length(count);
    const torch::Tensor heard = stretch(samples, begin - (wide - count) / 2, wide);
    const torch::Tensor found = network.forward(heard.unsqueeze(0).to(device)).squeeze(0).to(torch::kCPU);
    parts.push_back(join.push(middle(found, count)));
  }
  parts.push_back(join.finish());
  return torch::cat(parts, -1);
}

}  // namespace partita::baselines
