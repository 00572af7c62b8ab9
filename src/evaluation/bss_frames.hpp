#pragma once

#include <vector>

#include "bss_filters.hpp"
#include "partita/evaluation/bss_eval.hpp"

namespace partita::evaluation {

/// The smallest size from `size` on without prime factors beyond five.
[[nodiscard]] std::int64_t fast_fft_size(std::int64_t size);

/// What the filters make of windows: projections and energies are taken on spectra, where by Parseval they
/// are the same.
class BssFrames {
 public:
  BssFrames(const BssFilters& filters, std::int64_t channels, std::int64_t window);
  /// One window, both `[source, channel, n]`, float64, of all sources: figures of the measured ones.
  /// Thread-safe.
  [[nodiscard]] std::vector<BssMetrics> frame(const torch::Tensor& references,
                                              const torch::Tensor& estimates) const;

 private:
  [[nodiscard]] BssMetrics metrics(std::size_t place, const torch::Tensor& references,
                                   const torch::Tensor& estimate) const;

  const BssFilters& filters_;
  std::int64_t channels_, size_;
  torch::Tensor heard_, measured_;  ///< indices of sources
  torch::Tensor all_, own_;         ///< the filters' spectra, complex128
  torch::Tensor weights_;           ///< of bins, so that sums of squares are those of the signals
};

}  // namespace partita::evaluation
