#include "mel_filters.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace partita::codec {
namespace {

constexpr double kLowest = 20.0;  // Hz

double to_mel(double hertz) { return 2595.0 * std::log10(1.0 + hertz / 700.0); }
double to_hertz(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }

std::vector<double> band_edges(std::int64_t bands, double highest) {
  const double low = to_mel(kLowest);
  const double step = (to_mel(highest) - low) / static_cast<double>(bands + 1);
  std::vector<double> edges(static_cast<std::size_t>(bands + 2));
  for (std::size_t i = 0; i < edges.size(); ++i) edges[i] = to_hertz(low + step * static_cast<double>(i));
  return edges;
}

}  // namespace

torch::Tensor mel_filters(std::int64_t bands, std::int64_t window, int sample_rate) {
  const double bin = static_cast<double>(sample_rate) / static_cast<double>(window);
  const std::vector<double> edges = band_edges(bands, sample_rate / 2.0);
  const torch::Tensor frequency = torch::arange(window / 2 + 1, torch::kFloat64) * bin;
  std::vector<torch::Tensor> rows;
  rows.reserve(static_cast<std::size_t>(bands));
  for (std::size_t band = 0; band < static_cast<std::size_t>(bands); ++band) {
    const double centre = edges[band + 1];
    const double rise = std::max(bin, centre - edges[band]);
    const double fall = std::max(bin, edges[band + 2] - centre);
    const torch::Tensor row =
        torch::minimum((frequency - (centre - rise)) / rise, ((centre + fall) - frequency) / fall)
            .clamp_min(0.0);
    rows.push_back(row / row.sum());
  }
  return torch::stack(rows).to(torch::kFloat32);
}

torch::Tensor mel_spread(const torch::Tensor& filters) {
  torch::Tensor spread = filters.t().clone();
  const std::int64_t bins = spread.size(0);
  const torch::Tensor covered = spread.sum(1) > 0;
  const auto first = covered.to(torch::kInt32).argmax().item<std::int64_t>();
  const std::int64_t last = bins - 1 - covered.flip(0).to(torch::kInt32).argmax().item<std::int64_t>();
  if (first > 0) spread.narrow(0, 0, first).copy_(spread[first].expand({first, -1}));
  if (last < bins - 1)
    spread.narrow(0, last + 1, bins - 1 - last).copy_(spread[last].expand({bins - 1 - last, -1}));
  return spread / spread.sum(1, /*keepdim=*/true);
}

}  // namespace partita::codec
