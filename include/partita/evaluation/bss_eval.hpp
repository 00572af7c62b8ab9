#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "partita/evaluation/si_metrics.hpp"

namespace partita::evaluation {

/// BSS Eval version 4, as museval has it (Stöter, Liutkus and Ito 2018): one distortion filter a source and
/// channel for the whole track, figures window by window. museval's own defaults; its tables for MUSDB18 take
/// windows and hops of one second.
struct BssOptions {
  double window = 2.0;      ///< seconds
  double hop = 1.5;         ///< seconds
  std::int64_t taps = 512;  ///< of the distortion filters
};

/// Ratios in dB of the source's image to all distortion, to its spatial distortion, to interference of the
/// other sources and to artefacts.
struct BssMetrics {
  double sdr = 0.0;
  double isr = 0.0;
  double sir = 0.0;
  double sar = 0.0;
};

/// One row of frames a source. A source whose reference or estimate is silent throughout is left out:
/// `silent`, without frames. In a frame where any other source or estimate is silent (the sum of its channels
/// zero all along), all figures are NaN.
struct BssResult {
  std::vector<std::vector<BssMetrics>> frames;
  std::vector<bool> silent;
};

/// References and estimates `[source, channel, n]`.
struct BssPiece {
  torch::Tensor references;
  torch::Tensor estimates;
};

/// A track that is read twice from its start: for the filters, then for the frames.
struct BssTrack {
  std::int64_t sources = 0;
  std::int64_t channels = 0;
  std::int64_t samples = 0;
  int sample_rate = 0;
  /// Opens it; what comes back gives the next at most `count` samples, none at the end.
  std::function<std::function<BssPiece(std::int64_t count)>()> open;
};

/// Memory does not grow with the track's length. Throws EvaluationError for pieces of another shape, for NaN
/// and infinite samples and for options that make no sense, Interrupted between frames.
[[nodiscard]] BssResult bss_eval(const BssTrack& track, const BssOptions& options = {});
/// Of signals in memory, both `[source, channel, sample]`.
[[nodiscard]] BssResult bss_eval(const torch::Tensor& references, const torch::Tensor& estimates,
                                 int sample_rate, const BssOptions& options = {});

/// The median of each figure over the frames that are not NaN, each limited to ±100 dB; NaN where there is
/// none.
[[nodiscard]] BssMetrics median(const std::vector<BssMetrics>& frames);

}  // namespace partita::evaluation
