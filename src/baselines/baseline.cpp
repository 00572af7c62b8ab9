#include "partita/baselines/baseline.hpp"

#include <torch/types.h>

#include <algorithm>

#include "partita/baselines/ft2d.hpp"
#include "partita/baselines/hpss.hpp"
#include "partita/baselines/nmf.hpp"
#include "partita/baselines/repet_sim.hpp"
#include "partita/baselines/rpca.hpp"
#include "side_by_side.hpp"

namespace partita::baselines {

const std::vector<Baseline>& all_baselines() {
  static const std::vector<Baseline> all{hpss(), nmf(), rpca(), repet_sim(), ft2d()};
  return all;
}

const Baseline* find_baseline(const std::string& name) {
  const auto& all = all_baselines();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Baseline& baseline) { return baseline.name == name; });
  return found == all.end() ? nullptr : &*found;
}

torch::Tensor separate(const Baseline& baseline, const torch::Tensor& samples, int sample_rate,
                       std::uint64_t seed) {
  if (samples.dim() != 2 || samples.size(0) < 1 || samples.size(1) < 1) {
    fail<BaselineError>("{}: expected samples [channel, sample], found {}", baseline.name,
                        c10::str(samples.sizes()));
  }
  if (sample_rate < 1) {
    fail<BaselineError>("{}: expected a positive sample rate, found {}", baseline.name, sample_rate);
  }
  if (!torch::isfinite(samples).all().item<bool>()) {
    fail<BaselineError>("{}: the samples hold NaN or infinite values", baseline.name);
  }
  const torch::NoGradGuard no_gradient;
  const torch::Tensor mixture = samples.to(torch::kCPU, torch::kFloat32);
  const audio::Stft stft(baseline.resolution(sample_rate));
  // LibTorch's Fourier transforms take one thread each.
  const torch::Tensor spectrum = side_by_side(mixture.size(0), [&](std::int64_t channel) {
                                   return stft.forward(mixture[channel]).mT();
                                 }).mT();
  const torch::Tensor magnitude = spectrum.abs();
  if (magnitude.max().item<float>() == 0.0F) return torch::zeros({2, mixture.size(0), mixture.size(1)});
  const torch::Tensor share = baseline.drums({magnitude, sample_rate, stft.options().hop, seed});
  const torch::Tensor drums = side_by_side(mixture.size(0), [&](std::int64_t channel) {
    const torch::Tensor laid_alike = share[channel].t().contiguous().t();
    return stft.inverse(spectrum[channel] * laid_alike, mixture.size(1));
  });
  return torch::stack({drums, mixture - drums});
}

void check_magnitudes(const std::string& name, const torch::Tensor& magnitude) {
  if (magnitude.dim() != 3 || magnitude.numel() == 0) {
    fail<BaselineError>("{}: expected magnitudes [channel, bin, frame], found {}", name,
                        c10::str(magnitude.sizes()));
  }
}

}  // namespace partita::baselines
