#pragma once

#include <torch/types.h>

#include <cstdint>

#include "partita/baselines/baseline.hpp"

namespace partita::baselines {

/// REPET-SIM (Rafii & Pardo 2012): the background is what frames that resemble each other share. nussl's
/// defaults.
struct RepetSimOptions {
  double similarity_threshold = 0.0;  ///< of the range of a frame's similarities
  double min_distance = 1.0;          ///< seconds between similar frames
  std::int64_t max_frames = 100;      ///< similar frames, the frame itself included
  double high_pass_cutoff = 100.0;    ///< Hz; what lies below is background
};

/// Background masks from 0 to 1, of a spectrogram's shape: the medians of each frame's similar frames (which
/// all channels share) over the magnitudes, at most 1. Throws BaselineError for other shapes and options
/// out of range.
[[nodiscard]] torch::Tensor repet_sim_background(const Spectrogram& spectrogram,
                                                 const RepetSimOptions& options = {});

/// Soft masks: background (repeating) drums, foreground bass.
[[nodiscard]] Baseline repet_sim(const RepetSimOptions& options = {});

}  // namespace partita::baselines
