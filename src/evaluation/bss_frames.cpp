#include "bss_frames.hpp"

#include <torch/fft.h>

#include <cmath>
#include <limits>

namespace partita::evaluation {
namespace {

bool any_empty(const torch::Tensor& signals) { return signals.sum(1).eq(0.0).all(1).any().item<bool>(); }

double energy_of(const torch::Tensor& spectrum) {
  const torch::Tensor parts = torch::view_as_real(spectrum).flatten();
  return parts.dot(parts).item<double>();
}

double bss_decibels(double signal, double rest) {
  if (rest == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(signal / rest);
}

/// Σ over the last but one axis of filters times references, both `[row, bin]`.
torch::Tensor filtered(const torch::Tensor& filters, const torch::Tensor& references) {
  torch::Tensor sum = filters[0] * references[0];
  for (std::int64_t row = 1; row < filters.size(0); ++row) sum.addcmul_(filters[row], references[row]);
  return sum;
}

}  // namespace

std::int64_t fast_fft_size(std::int64_t size) {
  for (;; ++size) {
    std::int64_t rest = size;
    for (const std::int64_t factor : {2, 3, 5}) {
      while (rest % factor == 0) rest /= factor;
    }
    if (rest == 1 && size % 2 == 0) return size;
  }
}

BssFrames::BssFrames(const BssFilters& filters, std::int64_t channels, std::int64_t window)
    : filters_(filters),
      channels_(channels),
      size_(fast_fft_size(window + filters.all.size(2) - 1)),
      heard_(torch::tensor(filters.heard, torch::kLong)),
      measured_(torch::tensor(filters.measured, torch::kLong)),
      all_(torch::fft_rfft(filters.all, size_)),
      own_(torch::fft_rfft(filters.own, size_)) {
  // Every bin but the first and the last stands for two.
  weights_ = torch::full({size_ / 2 + 1}, 2.0 / static_cast<double>(size_), torch::kFloat64);
  weights_[0].mul_(0.5);
  weights_[size_ / 2].mul_(0.5);
  weights_.sqrt_();
}

BssMetrics BssFrames::metrics(std::size_t place, const torch::Tensor& references,
                              const torch::Tensor& estimate) const {
  const auto target = static_cast<std::int64_t>(place);
  std::int64_t row = 0;
  while (filters_.heard[static_cast<std::size_t>(row)] != filters_.measured[place]) ++row;
  const torch::Tensor image = references.narrow(0, row * channels_, channels_);
  double signal = 0.0, distortion = 0.0, spatial = 0.0, filtered_image = 0.0, interference = 0.0;
  double projection = 0.0, artefacts = 0.0;
  for (std::int64_t channel = 0; channel < channels_; ++channel) {
    const torch::Tensor own = filtered(own_[target][channel], image);
    const torch::Tensor all = filtered(all_[target * channels_ + channel], references);
    signal += energy_of(image[channel]);
    distortion += energy_of(estimate[channel] - image[channel]);
    spatial += energy_of(own - image[channel]);
    filtered_image += energy_of(own);
    interference += energy_of(all - own);
    projection += energy_of(all);
    artefacts += energy_of(estimate[channel] - all);
  }
  return {bss_decibels(signal, distortion), bss_decibels(signal, spatial),
          bss_decibels(filtered_image, interference), bss_decibels(projection, artefacts)};
}

std::vector<BssMetrics> BssFrames::frame(const torch::Tensor& references,
                                         const torch::Tensor& estimates) const {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const torch::NoGradGuard no_gradient;
  const torch::Tensor heard = references.index_select(0, heard_);
  const torch::Tensor measured = estimates.index_select(0, measured_);
  std::vector<BssMetrics> figures(filters_.measured.size(), {kNone, kNone, kNone, kNone});
  if (any_empty(heard) || any_empty(measured)) return figures;
  const torch::Tensor sources = torch::fft_rfft(rows_of(heard), size_).mul_(weights_);
  const torch::Tensor found = torch::fft_rfft(measured, size_).mul_(weights_);
  for (std::size_t i = 0; i < figures.size(); ++i)
    figures[i] = metrics(i, sources, found[static_cast<std::int64_t>(i)]);
  return figures;
}

}  // namespace partita::evaluation
