#include "partita/baselines/hpss.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "running.hpp"

namespace partita::baselines {
namespace {

/// Running median over the last axis of `[row, n]`, ends mirrored.
torch::Tensor median_filter(const torch::Tensor& rows, std::int64_t kernel) {
  const torch::Tensor padded = mirrored(rows, kernel / 2).contiguous();
  torch::Tensor output = torch::empty(rows.sizes(), rows.options());
  const std::int64_t n = rows.size(1);
  const std::int64_t stride = padded.size(1);
  const std::int64_t half = kernel / 2;
  const float* in = padded.data_ptr<float>();
  float* out = output.data_ptr<float>();
  at::parallel_for(0, rows.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> window(static_cast<std::size_t>(kernel));
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t i = 0; i < n; ++i) {
        std::copy_n(in + row * stride + i, kernel, window.begin());
        std::nth_element(window.begin(), window.begin() + half, window.end());
        out[row * n + i] = window[static_cast<std::size_t>(half)];
      }
    }
  });
  return output;
}

/// librosa.util.softmask: x^p / (x^p + r^p), computed on ratios to the larger of the two; one half
/// where both vanish.
torch::Tensor soft_mask(const torch::Tensor& x, const torch::Tensor& reference, double power) {
  const torch::Tensor larger = torch::maximum(x, reference);
  const torch::Tensor vanished = larger < std::numeric_limits<float>::min();
  const torch::Tensor scale = larger.masked_fill(vanished, 1.0);
  const torch::Tensor numerator = (x / scale).pow(power);
  const torch::Tensor denominator = numerator + (reference / scale).pow(power);
  return (numerator / denominator).masked_fill(vanished, 0.5);
}

void check_kernels(const HpssOptions& options) {
  if (options.harmonic_kernel % 2 == 0 || options.percussive_kernel % 2 == 0 || options.harmonic_kernel < 1 ||
      options.percussive_kernel < 1) {
    fail<BaselineError>("hpss: the median kernels must be odd and positive, found {} and {}",
                        options.harmonic_kernel, options.percussive_kernel);
  }
}

}  // namespace

torch::Tensor hpss_masks(const torch::Tensor& magnitude, const HpssOptions& options) {
  check_magnitudes("hpss", magnitude);
  check_kernels(options);
  const torch::NoGradGuard no_gradient;
  const torch::Tensor precise = magnitude.to(torch::kCPU, torch::kFloat32);
  const torch::Tensor harmonic =
      median_filter(precise.flatten(0, 1), options.harmonic_kernel).view(precise.sizes());
  const torch::Tensor turned = precise.transpose(1, 2);
  const torch::Tensor percussive =
      median_filter(turned.flatten(0, 1), options.percussive_kernel).view(turned.sizes()).transpose(1, 2);
  return torch::stack(
      {soft_mask(percussive, harmonic, options.power), soft_mask(harmonic, percussive, options.power)});
}

Baseline hpss(const HpssOptions& options) {
  check_kernels(options);
  return {
      "hpss", 20.0,
      [options](int) {
        return audio::StftOptions{options.window, options.hop};
      },
      [options](const Spectrogram& spectrogram) { return hpss_masks(spectrogram.magnitude, options)[0]; }};
}

}  // namespace partita::baselines
