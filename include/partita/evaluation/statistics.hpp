#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "partita/io/report.hpp"

namespace partita::evaluation {

/// 95 % of where a figure would lie if other clips had been drawn.
struct Interval {
  double low = 0.0;
  double high = 0.0;
};

/// What a measure comes to over clips; NaN where there is no value.
struct Statistic {
  double mean = 0.0;
  double deviation = 0.0;  ///< of all values, not of a sample
  double median = 0.0;
  Interval interval;  ///< of the mean
  std::int64_t count = 0;
};

/// The value below which a share of values lies, linear between order statistics (NumPy's default); `sorted`
/// is ascending and not empty.
[[nodiscard]] double quantile(const std::vector<double>& sorted, double share);

/// How often each of `clips` clips is drawn in the bootstrap's resample `index`, with replacement: float64
/// `[clip]`, which sums to `clips`. The same seed gives all measures the same resamples.
[[nodiscard]] torch::Tensor bootstrap_counts(std::int64_t clips, std::int64_t index, std::uint64_t seed = 0);

/// The 2.5th and 97.5th percentiles of a figure's values over resamples, moved so that their mean is
/// `figure`: resamples hold fewer different clips, which biases figures such as Fréchet distances.
[[nodiscard]] Interval bootstrap_interval(double figure, const std::vector<double>& resampled);

/// Gathers one measure over clips. A clip may have several values (its sources), which are then resampled
/// together.
class Sample {
 public:
  void add(double value, std::int64_t clip);
  [[nodiscard]] Statistic statistic(std::uint64_t seed = 0) const;

 private:
  std::vector<double> values_;
  std::vector<std::int64_t> clips_;
};

/// {"mean", "deviation", "median", "interval": [low, high], "count"}
[[nodiscard]] io::Json to_json(const Statistic& statistic);
/// "7.5 (4.8) [6.7, 8.4]": mean, deviation and interval; "–" where there is no value.
[[nodiscard]] std::string to_text(const Statistic& statistic, int decimals = 1);
/// What `to_text` writes, in a sentence for tables.
[[nodiscard]] std::string statistics_legend();

}  // namespace partita::evaluation
