#include "partita/evaluation/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "partita/base/random.hpp"

namespace partita::evaluation {
namespace {

constexpr std::int64_t kResamples = 1000;
constexpr double kOutside = 0.025;  // on each side of an interval

double mean_of(const std::vector<double>& values) {
  double total = 0.0;
  for (const double value : values) total += value;
  return total / static_cast<double>(values.size());
}

}  // namespace

double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - std::floor(place)) * (sorted[above] - sorted[below]);
}

torch::Tensor bootstrap_counts(std::int64_t clips, std::int64_t index, std::uint64_t seed) {
  if (clips == 0) return torch::zeros({0}, torch::kFloat64);
  const torch::Tensor drawn = torch::randint(
      clips, {clips}, make_generator(seed, "bootstrap", static_cast<std::uint64_t>(index)), torch::kLong);
  return drawn.bincount(/*weights=*/{}, clips).to(torch::kFloat64);
}

Interval bootstrap_interval(double figure, const std::vector<double>& resampled) {
  if (resampled.empty()) return {std::nan(""), std::nan("")};
  std::vector<double> sorted = resampled;
  std::sort(sorted.begin(), sorted.end());
  const double shift = figure - mean_of(sorted);
  return {quantile(sorted, kOutside) + shift, quantile(sorted, 1.0 - kOutside) + shift};
}

void Sample::add(double value, std::int64_t clip) {
  values_.push_back(value);
  clips_.push_back(clip);
}

Statistic Sample::statistic(std::uint64_t seed) const {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (values_.empty()) return {kNone, kNone, kNone, {kNone, kNone}, 0};
  Statistic result;
  result.count = static_cast<std::int64_t>(values_.size());
  result.mean = mean_of(values_);
  std::map<std::int64_t, std::pair<double, double>> by_clip;  // sum and count
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const double off = values_[i] - result.mean;
    result.deviation += off * off;
    auto& [sum, count] = by_clip[clips_[i]];
    sum += off;
    count += 1.0;
  }
  result.deviation = std::sqrt(result.deviation / static_cast<double>(values_.size()));
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  result.median = quantile(sorted, 0.5);

  std::vector<double> sums, counts;
  for (const auto& [clip, part] : by_clip) {
    sums.push_back(part.first);
    counts.push_back(part.second);
  }
  const auto clips = static_cast<std::int64_t>(sums.size());
  const torch::Tensor parts =
      torch::stack({torch::tensor(sums, torch::kFloat64), torch::tensor(counts, torch::kFloat64)});
  std::vector<double> resampled;
  for (std::int64_t i = 0; i < kResamples; ++i) {
    const torch::Tensor total = parts.mv(bootstrap_counts(clips, i, seed));
    const auto* const data = total.data_ptr<double>();
    resampled.push_back(result.mean + data[0] / data[1]);
  }
  result.interval = bootstrap_interval(result.mean, resampled);
  return result;
}

io::Json to_json(const Statistic& statistic) {
  return {{"mean", statistic.mean},
          {"deviation", statistic.deviation},
          {"median", statistic.median},
          {"interval", {statistic.interval.low, statistic.interval.high}},
          {"count", statistic.count}};
}

std::string to_text(const Statistic& statistic, int decimals) {
  if (statistic.count == 0) return "–";
  return fmt::format("{:.{}f} ({:.{}f}) [{:.{}f}, {:.{}f}]", statistic.mean, decimals, statistic.deviation,
                     decimals, statistic.interval.low, decimals, statistic.interval.high, decimals);
}

std::string statistics_legend() {
  return fmt::format(
      "Mean (standard deviation) over clips [95 % interval of the mean: bootstrap over clips, {} resamples].",
      kResamples);
}

}  // namespace partita::evaluation
