#pragma once

#include <torch/types.h>

#include <cmath>
#include <cstdint>

#include "partita/base/random.hpp"

namespace partita::support {

/// Four hits a second, a kick (a falling sine) and a hat (a short burst of noise) in turn:
/// `[sample]`, peak about 0.5.
inline torch::Tensor drums_like(double seconds, int sample_rate, std::uint64_t seed = 0) {
  const auto samples = static_cast<std::int64_t>(seconds * sample_rate);
  const torch::Tensor time = torch::arange(samples, torch::kFloat64) / sample_rate;
  const torch::Tensor phase = torch::remainder(time, 0.5);
  const torch::Tensor kick =
      (-phase / 0.08).exp() * (2 * M_PI * (50.0 * phase + 2.0 * (1.0 - (-phase / 0.02).exp()))).sin();
  const torch::Tensor noise =
      torch::randn({samples}, make_generator(seed, "drums"), torch::kFloat64).clamp(-2.5, 2.5) / 2.5;
  const torch::Tensor late = torch::remainder(time + 0.25, 0.5);
  return (0.5 * kick + 0.5 * (-late / 0.03).exp() * noise).to(torch::kFloat32);
}

/// Two notes a second, eight harmonics each, on a pentatonic scale from 55 Hz: `[sample]`, peak
/// about 0.4.
inline torch::Tensor bass_like(double seconds, int sample_rate) {
  const auto samples = static_cast<std::int64_t>(seconds * sample_rate);
  const torch::Tensor time = torch::arange(samples, torch::kFloat64) / sample_rate;
  const torch::Tensor scale = torch::tensor({0.0, 3.0, 5.0, 7.0, 10.0}, torch::kFloat64);
  const torch::Tensor note = torch::remainder((time * 2.0).floor(), 5.0).to(torch::kLong);
  const torch::Tensor frequency = 55.0 * (scale.index_select(0, note) / 12.0).exp2();
  const torch::Tensor phase = (2 * M_PI / sample_rate) * frequency.cumsum(0);
  torch::Tensor wave = torch::zeros_like(time);
  for (int harmonic = 1; harmonic <= 8; ++harmonic) wave += (harmonic * phase).sin() / (harmonic * harmonic);
  const torch::Tensor within = torch::remainder(time, 0.5);
  return (0.3 * wave * (within / 0.005).clamp_max(1.0) * (-within / 0.6).exp()).to(torch::kFloat32);
}

}  // namespace partita::support
