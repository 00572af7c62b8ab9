#include "partita/baselines/hpss.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "partita/audio/stft.hpp"

namespace partita::baselines {
namespace {

/// Running median over the last axis of `[row, n]` with mirrored ends (d c b a | a b c d | d c b a),
/// as scipy.ndimage's mode "reflect".
torch::Tensor median_filter(const torch::Tensor& rows, std::int64_t kernel) {
  const torch::Tensor input = rows.contiguous();
  torch::Tensor output = torch::empty_like(input);
  const std::int64_t n = input.size(1);
  const std::int64_t half = kernel / 2;
  const float* in = input.data_ptr<float>();
  float* out = output.data_ptr<float>();
  const auto mirrored = [n](std::int64_t i) {
    const std::int64_t period = 2 * n;
    i = ((i % period) + period) % period;
    return i < n ? i : period - 1 - i;
  };
  at::parallel_for(0, input.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> padded(static_cast<std::size_t>(n + 2 * half));
    std::vector<float> window(static_cast<std::size_t>(kernel));
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t i = -half; i < n + half; ++i) {
        padded[static_cast<std::size_t>(i + half)] = in[row * n + mirrored(i)];
      }
      for (std::int64_t i = 0; i < n; ++i) {
        std::copy_n(padded.begin() + i, kernel, window.begin());
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

}  // namespace

torch::Tensor hpss_masks(const torch::Tensor& magnitude, const HpssOptions& options) {
  if (magnitude.dim() != 3 || magnitude.numel() == 0) {
    fail<BaselineError>("hpss: expected magnitudes [channel, bin, frame], found {}",
                        c10::str(magnitude.sizes()));
  }
  if (options.harmonic_kernel % 2 == 0 || options.percussive_kernel % 2 == 0 || options.harmonic_kernel < 1 ||
      options.percussive_kernel < 1) {
    fail<BaselineError>("hpss: the median kernels must be odd and positive, found {} and {}",
                        options.harmonic_kernel, options.percussive_kernel);
  }
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

torch::Tensor hpss(const torch::Tensor& samples, const HpssOptions& options) {
  if (samples.dim() != 2 || samples.size(0) < 1 || samples.size(1) < 1) {
    fail<BaselineError>("hpss: expected samples [channel, sample], found {}", c10::str(samples.sizes()));
  }
  if (!torch::isfinite(samples).all().item<bool>()) {
    fail<BaselineError>("hpss: the samples hold NaN or infinite values");
  }
  const torch::NoGradGuard no_gradient;
  const audio::Stft stft({options.window, options.hop});
  const torch::Tensor mixture = samples.to(torch::kCPU, torch::kFloat32);
  const torch::Tensor spectrum = stft.forward(mixture);
  const torch::Tensor percussive = hpss_masks(spectrum.abs(), options)[0];
  const torch::Tensor drums = stft.inverse(spectrum * percussive, mixture.size(1));
  return torch::stack({drums, mixture - drums});
}

}  // namespace partita::baselines
