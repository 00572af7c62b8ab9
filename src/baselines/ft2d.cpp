#include "partita/baselines/ft2d.hpp"

#include <torch/fft.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "background.hpp"
#include "partita/base/interrupt.hpp"
#include "running.hpp"
#include "side_by_side.hpp"

namespace partita::baselines {
namespace {

constexpr double kLeast = 1e-7;  // nussl's, wherever it divides

/// How far each of a row, given with `width / 2` more at each end, stands out of its neighbourhood: 0 where
/// it is no local maximum.
void heights(std::span<const double> row, std::size_t width, std::span<double> result) {
  std::vector<double> squares(row.size()), mean(result.size()), mean_square(result.size());
  std::transform(row.begin(), row.end(), squares.begin(), [](double value) { return value * value; });
  over_windows(
      row, width, [](double a, double b) { return std::max(a, b); }, result);
  over_windows(row, width, std::plus<>(), mean);
  over_windows(squares, width, std::plus<>(), mean_square);
  const double part = 1.0 / static_cast<double>(width);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double level = mean[i] * part;
    const double deviation = std::sqrt(std::max(0.0, mean_square[i] * part - level * level)) + kLeast;
    result[i] = row[i + width / 2] == result[i] ? (result[i] - level) / deviation : 0.0;
  }
}

/// The heights of magnitudes `[row, frequency]` along the second axis, whose zero is the first; of what
/// stands at places that mirror each other on the axis with its zero in the middle, both get the larger one.
torch::Tensor peaks(const torch::Tensor& magnitude, std::int64_t neighbourhood) {
  torch::Tensor result = torch::empty_like(magnitude);
  const double scale = 1.0 / (magnitude.max().item<double>() + kLeast);
  const std::int64_t n = magnitude.size(1), half = neighbourhood / 2, shift = (n + 1) / 2;
  for (std::int64_t i = 0; i < magnitude.size(0); ++i) {
    const double* in = magnitude.data_ptr<double>() + i * n;
    double* out = result.data_ptr<double>() + i * n;
    std::vector<double> row(static_cast<std::size_t>(n + 2 * half)), found(static_cast<std::size_t>(n));
    for (std::int64_t place = -half; place < n + half; ++place) {
      row[static_cast<std::size_t>(place + half)] = scale * in[(mirrored(place, n) + shift) % n];
    }
    heights(row, static_cast<std::size_t>(neighbourhood), found);
    for (std::int64_t place = 0; place < n; ++place) {
      out[(place + shift) % n] =
          std::max(found[static_cast<std::size_t>(place)], found[static_cast<std::size_t>(n - 1 - place)]);
    }
  }
  return result.div_(result.max().item<double>() + kLeast);
}

/// The 2-D Fourier transform of a real matrix, whole: half of it is computed, the rest its mirror image.
torch::Tensor transform_of(const torch::Tensor& matrix) {
  const torch::Tensor half = torch::fft::rfft2(matrix);
  const std::int64_t missing = matrix.size(1) - half.size(1);
  const torch::Tensor rest = half.narrow(1, 1, missing).flip({0, 1}).roll(1, 0).conj();
  return torch::cat({half, rest}, 1);
}

/// One channel, `[bin, frame]`.
torch::Tensor background(const torch::Tensor& magnitude, std::int64_t neighbourhood) {
  throw_if_interrupted();
  torch::Tensor transform = transform_of(magnitude);
  transform.mul_(peaks(transform.abs(), neighbourhood));
  const torch::Tensor whole = magnitude + kLeast;
  torch::Tensor share = torch::fft::ifft2(transform).abs().clamp_max_(whole).div_(whole);
  return share.div_(share.max().item<double>() + kLeast);
}

}  // namespace

torch::Tensor ft2d_background(const torch::Tensor& magnitude, const Ft2dOptions& options) {
  check_magnitudes("ft2d", magnitude);
  if (options.neighbourhood < 1 || options.neighbourhood % 2 == 0) {
    fail<BaselineError>("ft2d: the neighbourhood must be odd and positive, found {}", options.neighbourhood);
  }
  const torch::Tensor precise = magnitude.to(torch::kCPU, torch::kFloat64);
  return side_by_side(precise.size(0), [&](std::int64_t i) {
    return background(precise[i].contiguous(), options.neighbourhood);
  });
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
