#pragma once

#include <torch/types.h>

#include <vector>

#include "partita/base/error.hpp"

namespace partita::evaluation {

class EvaluationError : public Error {
 public:
  using Error::Error;
};

/// Scale-invariant measures in dB (Le Roux 2019; nussl's scale-aware BSS), of zero-mean signals.
struct SiMetrics {
  double sdr = 0.0;
  double sir = 0.0;
  double sar = 0.0;
};

/// SI-SDR alone of `[sample]` against `[sample]`.
[[nodiscard]] double si_sdr(const torch::Tensor& estimate, const torch::Tensor& reference);

/// Whether a reference is too quiet to measure against (all zero to rounding after its mean is
/// removed); such references are left out and counted by the callers.
[[nodiscard]] bool is_silent(const torch::Tensor& reference);

/// The measures of one estimate `[sample]` against references `[source, sample]`, of which `target`
/// is its own: the residual is projected on the span of all (non-silent) references, in float64.
/// Throws EvaluationError on unequal lengths or a silent target. A silent estimate gives −inf.
[[nodiscard]] SiMetrics si_metrics(const torch::Tensor& estimate, const torch::Tensor& references,
                                   std::int64_t target);

/// The assignment (index of the component for each source) with the highest total of `score`
/// `[component, source]`; rows may outnumber columns.
[[nodiscard]] std::vector<std::int64_t> best_assignment(const torch::Tensor& score);

}  // namespace partita::evaluation
