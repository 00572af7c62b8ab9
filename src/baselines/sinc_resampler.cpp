#include "sinc_resampler.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace partita::baselines {
namespace {

constexpr double kZeroCrossings = 24.0;
constexpr double kRolloff = 0.945;

}  // namespace

SincResampler::SincResampler(std::int64_t from, std::int64_t to) : from_(from), to_(to) {
  const double rate = kRolloff * static_cast<double>(std::min(from, to));
  width_ = static_cast<std::int64_t>(std::ceil(kZeroCrossings * static_cast<double>(from) / rate));
  const torch::Tensor taps =
      torch::arange(-width_, width_ + from, torch::kFloat64) / static_cast<double>(from);
  std::vector<torch::Tensor> kernels;
  for (std::int64_t phase = 0; phase < to; ++phase) {
    const double shift = static_cast<double>(phase) / static_cast<double>(to);
    const torch::Tensor crossing = ((taps - shift) * rate).clamp(-kZeroCrossings, kZeroCrossings);
    const torch::Tensor window = torch::cos(crossing * (std::numbers::pi / kZeroCrossings / 2.0)).square();
    const torch::Tensor kernel = torch::sinc(crossing) * window;
    kernels.push_back(kernel / kernel.sum());
  }
  kernels_ = torch::stack(kernels).unsqueeze(1);
}

torch::Tensor SincResampler::operator()(const torch::Tensor& samples) const {
  std::vector<std::int64_t> shape = samples.sizes().vec();
  const std::int64_t length = shape.back();
  const torch::Tensor padded =
      torch::replication_pad1d(samples.reshape({-1, 1, length}), {width_, width_ + from_});
  const torch::Tensor phases =
      torch::conv1d(padded, kernels_.to(samples.device(), samples.scalar_type()), {}, from_);
  shape.back() = -1;
  return phases.transpose(1, 2).reshape(shape).narrow(-1, 0, length * to_ / from_);
}

}  // namespace partita::baselines
