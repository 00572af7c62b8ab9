#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace partita::evaluation {

/// A row a source and channel, in that order: `[source · channel, n]`.
[[nodiscard]] torch::Tensor rows_of(const torch::Tensor& signals);

/// The distortion filters of a track: least-squares fits of each estimate by delayed references.
struct BssFilters {
  std::vector<std::int64_t> heard;     ///< sources whose references are not silent
  std::vector<std::int64_t> measured;  ///< those of them whose estimates are not silent either
  torch::Tensor all;  ///< of all heard references: `[measured · channel, heard · channel, tap]`
  torch::Tensor own;  ///< of its own reference: `[measured, channel, channel of the reference, tap]`
};

/// Correlations of all references with all references and estimates at lags below the number of taps,
/// gathered in blocks by FFT.
class BssCorrelations {
 public:
  BssCorrelations(std::int64_t sources, std::int64_t channels, std::int64_t taps);
  /// The next samples of references and estimates `[source, channel, n]`, float64.
  void add(const torch::Tensor& references, const torch::Tensor& estimates);
  /// Ends the track.
  [[nodiscard]] BssFilters filters();

 private:
  void add_blocks(std::int64_t blocks);
  void add_spectra(torch::Tensor& sum, std::int64_t first, std::int64_t count) const;
  [[nodiscard]] torch::Tensor solve(const torch::Tensor& lags, const std::vector<std::int64_t>& sources,
                                    const std::vector<std::int64_t>& estimates) const;

  std::int64_t sources_, channels_, taps_;
  std::int64_t block_, size_;  ///< samples a block, and of its FFT
  torch::Tensor waiting_;      ///< `[2 · source · channel, n]`, first what the last block still needs
  /// Sums of cross spectra, one a thread: `[bin, source · channel, 2 · source · channel]`, complex128.
  std::vector<torch::Tensor> spectra_;
  std::vector<bool> silent_references_, silent_estimates_;  ///< so far, one a source
};

}  // namespace partita::evaluation
