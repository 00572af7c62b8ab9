#include "partita/baselines/ft2d.hpp"

#include <torch/fft.h>
#include <torch/types.h>

#include <vector>

#include "background.hpp"
#include "partita/base/interrupt.hpp"
#include "running.hpp"

namespace partita::baselines {
namespace {

constexpr double kLeast = 1e-7;  // nussl's, wherever it divides

/// How much each point of a transform (its zero in the middle) stands out of its neighbourhood along the
/// last axis: 0 where it is no local maximum, 1 for the one that does most.
torch::Tensor peaks(const torch::Tensor& data, std::int64_t neighbourhood) {
  const torch::Tensor padded = mirrored(data, neighbourhood / 2).unsqueeze(1);
  const torch::Tensor highest = torch::max_pool1d(padded, neighbourhood, 1).squeeze(1);
  const torch::Tensor mean = torch::avg_pool1d(padded, neighbourhood, 1).squeeze(1);
  const torch::Tensor mean_square = torch::avg_pool1d(padded.square(), neighbourhood, 1).squeeze(1);
  const torch::Tensor deviation = (mean_square - mean.square()).clamp_min(0.0).sqrt() + kLeast;
  const torch::Tensor height = ((highest - mean) / deviation) * (data == highest);
  const torch::Tensor relative = height / (height.max() + kLeast);
  return torch::maximum(relative, relative.flip({1}));
}

/// One channel, `[bin, frame]`.
torch::Tensor background(const torch::Tensor& magnitude, std::int64_t neighbourhood) {
  throw_if_interrupted();
  const torch::Tensor transform = torch::fft::fft2(magnitude);
  torch::Tensor data = torch::fft::fftshift(transform.abs());
  data = data / (data.max() + kLeast);
  const torch::Tensor repeating = transform * torch::fft::ifftshift(peaks(data, neighbourhood));
  const torch::Tensor whole = magnitude + kLeast;
  const torch::Tensor share = torch::minimum(torch::fft::ifft2(repeating).abs(), whole) / whole;
  return share / (share + kLeast).max();
}

}  // namespace

torch::Tensor ft2d_background(const torch::Tensor& magnitude, const Ft2dOptions& options) {
  check_magnitudes("ft2d", magnitude);
  if (options.neighbourhood < 1 || options.neighbourhood % 2 == 0) {
    fail<BaselineError>("ft2d: the neighbourhood must be odd and positive, found {}", options.neighbourhood);
  }
  const torch::NoGradGuard no_gradient;
  std::vector<torch::Tensor> masks;
  for (const torch::Tensor& channel : magnitude.to(torch::kCPU, torch::kFloat64).unbind(0)) {
    masks.push_back(background(channel, options.neighbourhood));
  }
  return torch::stack(masks);
}

Baseline ft2d(const Ft2dOptions& options) {
  return {"ft2d", 30.0, nussl_resolution, [options](const Spectrogram& spectrogram) {
            // nussl's STFT is divided by the sum of its window, which is half a Hann window's length.
            const double sum = static_cast<double>(spectrogram.magnitude.size(1) - 1);
            return foreground(ft2d_background(spectrogram.magnitude / sum, options), spectrogram,
                              options.high_pass_cutoff);
          }};
}

}  // namespace partita::baselines
