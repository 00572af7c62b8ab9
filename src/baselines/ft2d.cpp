#include "partita/baselines/ft2d.hpp"

#include <ATen/Parallel.h>
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

/// Lines that a thread transforms at once: they stay in its cache, and no large tensor comes and goes.
constexpr std::int64_t kLines = 32;

/// Calls `work(begin, end)` for stretches of 0 to count, side by side.
template <class Work>
void in_stretches(std::int64_t count, const Work& work) {
  at::parallel_for(0, (count + kLines - 1) / kLines, 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_gradient;
    for (std::int64_t i = begin; i < end; ++i) work(i * kLines, std::min(count, (i + 1) * kLines));
  });
}

/// A 2-D Fourier transform of a real matrix, `[row, column]`, of whose columns the first half is kept: the
/// rest is its mirror image.
struct HalfTransform {
  torch::Tensor half;  ///< complex128, `[row, column / 2 + 1]`
  std::int64_t columns = 0;

  [[nodiscard]] std::span<const c10::complex<double>> row(std::int64_t i) const {
    const std::int64_t kept = half.size(1);
    return {half.data_ptr<c10::complex<double>>() + i * kept, static_cast<std::size_t>(kept)};
  }
  /// The row whose conjugate, read backwards, is the missing half of row i.
  [[nodiscard]] std::span<const c10::complex<double>> partner(std::int64_t i) const {
    return row(i == 0 ? 0 : half.size(0) - i);
  }
};

HalfTransform transform_of(const torch::Tensor& matrix) {
  const std::int64_t rows = matrix.size(0), columns = matrix.size(1), kept = columns / 2 + 1;
  HalfTransform result{torch::empty({rows, kept}, torch::kComplexDouble), columns};
  in_stretches(rows, [&](std::int64_t begin, std::int64_t end) {
    result.half.slice(0, begin, end).copy_(torch::fft::rfft(matrix.slice(0, begin, end), columns, 1));
  });
  in_stretches(kept, [&](std::int64_t begin, std::int64_t end) {
    torch::Tensor part = result.half.slice(1, begin, end);
    part.copy_(torch::fft::fft(part, rows, 0));
  });
  return result;
}

/// Multiplies each value of a row of the transform by its height along the row, zero frequency in the middle;
/// of what stands at places that mirror each other there, both get the larger one. Returns the largest
/// height.
double keep_peaks(const HalfTransform& transform, std::int64_t i, double scale, std::int64_t neighbourhood,
                  c10::complex<double>* whole) {
  const std::int64_t n = transform.columns, half = neighbourhood / 2, shift = (n + 1) / 2;
  const auto own = transform.row(i), partner = transform.partner(i);
  std::vector<double> row(static_cast<std::size_t>(n + 2 * half)), found(static_cast<std::size_t>(n));
  const auto kept = static_cast<std::int64_t>(own.size());
  std::copy(own.begin(), own.end(), whole);
  for (std::int64_t k = kept; k < n; ++k) whole[k] = std::conj(partner[static_cast<std::size_t>(n - k)]);
  double* middle = row.data() + half;
  for (std::int64_t place = 0; place < n; ++place) {
    const c10::complex<double> value = whole[place + shift < n ? place + shift : place + shift - n];
    middle[place] = scale * std::sqrt(value.real() * value.real() + value.imag() * value.imag());
  }
  for (std::int64_t beyond = 1; beyond <= half; ++beyond) {
    middle[-beyond] = middle[mirrored(-beyond, n)];
    middle[n - 1 + beyond] = middle[mirrored(n - 1 + beyond, n)];
  }
  heights(row, static_cast<std::size_t>(neighbourhood), found);
  for (std::int64_t place = 0; place < n; ++place) {
    const double height =
        std::max(found[static_cast<std::size_t>(place)], found[static_cast<std::size_t>(n - 1 - place)]);
    whole[place + shift < n ? place + shift : place + shift - n] *= height;
  }
  return *std::max_element(found.begin(), found.end());
}

double largest_magnitude(const HalfTransform& transform) {
  double largest = 0.0;
  for (std::int64_t i = 0; i < transform.half.size(0); ++i) {
    for (const auto& value : transform.row(i)) {
      largest = std::max(largest, value.real() * value.real() + value.imag() * value.imag());
    }
  }
  return std::sqrt(largest);
}

/// One channel, `[bin, frame]`.
torch::Tensor background(const torch::Tensor& magnitude, std::int64_t neighbourhood) {
  throw_if_interrupted();
  const HalfTransform transform = transform_of(magnitude);
  const std::int64_t bins = magnitude.size(0), frames = magnitude.size(1);
  const double scale = 1.0 / (largest_magnitude(transform) + kLeast);
  torch::Tensor peaks = torch::empty({bins, frames}, torch::kComplexDouble);
  std::vector<double> highest(static_cast<std::size_t>(bins));
  in_stretches(bins, [&](std::int64_t begin, std::int64_t end) {
    torch::Tensor rows = torch::empty({end - begin, frames}, torch::kComplexDouble);
    for (std::int64_t i = begin; i < end; ++i) {
      highest[static_cast<std::size_t>(i)] = keep_peaks(
          transform, i, scale, neighbourhood, rows.data_ptr<c10::complex<double>>() + (i - begin) * frames);
    }
    peaks.slice(0, begin, end).copy_(torch::fft::ifft(rows, frames, 1));
  });
  throw_if_interrupted();
  const double height = *std::max_element(highest.begin(), highest.end()) + kLeast;
  torch::Tensor share = torch::empty_like(magnitude);
  in_stretches(frames, [&](std::int64_t begin, std::int64_t end) {
    const torch::Tensor whole = magnitude.slice(1, begin, end) + kLeast;
    const torch::Tensor repeated = torch::fft::ifft(peaks.slice(1, begin, end), bins, 0).abs().div_(height);
    share.slice(1, begin, end).copy_(torch::minimum(repeated, whole).div_(whole));
  });
  return share.div_(share.max().item<double>() + kLeast);
}

}  // namespace

torch::Tensor ft2d_background(const torch::Tensor& magnitude, const Ft2dOptions& options) {
  check_magnitudes("ft2d", magnitude);
  if (options.neighbourhood < 1 || options.neighbourhood % 2 == 0) {
    fail<BaselineError>("ft2d: the neighbourhood must be odd and positive, found {}", options.neighbourhood);
  }
  const torch::Tensor precise = magnitude.to(torch::kCPU, torch::kFloat64);
  std::vector<torch::Tensor> channels;
  channels.reserve(static_cast<std::size_t>(precise.size(0)));
  for (std::int64_t i = 0; i < precise.size(0); ++i) {
    channels.push_back(background(precise[i].contiguous(), options.neighbourhood));
  }
  return torch::stack(channels);
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
