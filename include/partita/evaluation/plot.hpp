#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <utility>
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

/// A row of `plot_boxes`: the values of each series, say of each source.
struct BoxRow {
  std::string name;
  std::vector<std::vector<double>> series;
};

/// Words around a chart.
struct ChartText {
  std::string title, x, y;  ///< with units; axes may be empty
};

/// Box plots (Tukey 1977) one below the other in a PNG, along a shared axis: quartiles and median, whiskers
/// to the farthest values within 1.5 times the box's width, dots beyond. The axis leaves out the outermost
/// 0.5 % of all values on each side, and says how many. Throws EvaluationError where rows and series do not
/// fit together, for NaN and infinite values, and where there is no value.
void plot_boxes(const std::filesystem::path& png, const std::vector<BoxRow>& rows,
                const std::vector<std::string>& series, const ChartText& text);

/// A line of `plot_curves` through its points (x, y).
struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

/// Lines with dots at their points in a PNG, with a legend; `logarithmic`: the x axis, which then is
/// positive. Throws EvaluationError for NaN and infinite values and where there is no point.
void plot_curves(const std::filesystem::path& png, const std::vector<Curve>& curves, const ChartText& text,
                 bool logarithmic = false);

}  // namespace partita::evaluation
