#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace partita::evaluation {

/// A panel of `plot_spectrograms`: a mono waveform `[sample]`.
struct SpectrogramPanel {
  std::string title;
  torch::Tensor samples;
  int sample_rate = 0;
};

/// Spectrograms one below the other in a PNG: time in seconds, frequency in kHz (mel-spaced), level in
/// dB with a colour bar; all panels share one level scale.
void plot_spectrograms(const std::filesystem::path& png, const std::vector<SpectrogramPanel>& panels,
                       const std::string& title);

}  // namespace partita::evaluation
