#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "partita/base/random.hpp"
#include "partita/baselines/nmf.hpp"

namespace partita::baselines {
namespace {

constexpr std::int64_t kBands = 128;   // librosa's
constexpr double kLeastPower = 1e-10;  // librosa's
constexpr double kRange = 80.0;        // dB, librosa's
constexpr int kStarts = 10;            // scikit-learn's
constexpr int kLargestSteps = 300;     // scikit-learn's

/// Slaney's mel scale: linear below 1 kHz, logarithmic above.
double to_hertz(double mel) {
  constexpr double kLinear = 200.0 / 3.0, kKnee = 1000.0;
  const double step = std::log(6.4) / 27.0;
  return mel < kKnee / kLinear ? mel * kLinear : kKnee * std::exp(step * (mel - kKnee / kLinear));
}
double to_mel(double hertz) {
  constexpr double kLinear = 200.0 / 3.0, kKnee = 1000.0;
  const double step = std::log(6.4) / 27.0;
  return hertz < kKnee ? hertz / kLinear : kKnee / kLinear + std::log(hertz / kKnee) / step;
}

/// Triangles of equal area, `[band, bin]` (librosa.filters.mel).
torch::Tensor slaney_filters(std::int64_t bins, int sample_rate) {
  const double highest = sample_rate / 2.0;
  const torch::Tensor frequency = torch::linspace(0.0, highest, bins, torch::kFloat64);
  const auto edge = [&](std::int64_t i) {
    return to_hertz(to_mel(highest) * static_cast<double>(i) / static_cast<double>(kBands + 1));
  };
  std::vector<torch::Tensor> rows;
  for (std::int64_t band = 0; band < kBands; ++band) {
    const double low = edge(band), centre = edge(band + 1), high = edge(band + 2);
    const torch::Tensor rise = (frequency - low) / (centre - low);
    const torch::Tensor fall = (high - frequency) / (high - centre);
    rows.push_back(torch::minimum(rise, fall).clamp_min(0.0) * (2.0 / (high - low)));
  }
  return torch::stack(rows);
}

/// The first rows of the orthonormal DCT-II, `[coefficient, band]`.
torch::Tensor cosine_transform(std::int64_t coefficients) {
  const torch::Tensor k = torch::arange(coefficients, torch::kFloat64).unsqueeze(1);
  const torch::Tensor n = torch::arange(kBands, torch::kFloat64) + 0.5;
  torch::Tensor rows = (k * n * (M_PI / kBands)).cos() * std::sqrt(2.0 / kBands);
  rows[0] *= std::sqrt(0.5);
  return rows;
}

/// Squared distances `[point, centre]`.
torch::Tensor distances(const torch::Tensor& points, const torch::Tensor& centres) {
  return (points.unsqueeze(1) - centres.unsqueeze(0)).square().sum(2);
}

/// Two starting centres: a point at random, another in proportion of its squared distance.
torch::Tensor starting_centres(const torch::Tensor& points, torch::Generator& generator) {
  const auto draw = [&](const torch::Tensor& weight) {
    return torch::multinomial(weight, 1, false, generator);
  };
  const torch::Tensor first = points.index_select(0, draw(torch::ones({points.size(0)}, points.options())));
  const torch::Tensor weight = distances(points, first).squeeze(1);
  const bool alike = weight.max().item<double>() == 0.0;
  const torch::Tensor second = points.index_select(0, draw(alike ? torch::ones_like(weight) : weight));
  return torch::cat({first, second});
}

struct Clusters {
  torch::Tensor label;
  double spread = std::numeric_limits<double>::infinity();  ///< sum of squared distances to the centres
};

Clusters clusters_from(const torch::Tensor& points, torch::Tensor centres) {
  Clusters result;
  for (int step = 0; step < kLargestSteps; ++step) {
    const auto [least, label] = distances(points, centres).min(1);
    const bool settled = result.label.defined() && torch::equal(label, result.label);
    result = {label, least.sum().item<double>()};
    if (settled) break;
    for (std::int64_t k = 0; k < centres.size(0); ++k) {
      const torch::Tensor own = points.index_select(0, (label == k).nonzero().squeeze(1));
      if (own.size(0) > 0) centres[k] = own.mean(0);
    }
  }
  return result;
}

}  // namespace

torch::Tensor template_mfccs(const torch::Tensor& templates, int sample_rate, std::int64_t coefficients) {
  if (templates.dim() != 2 || templates.numel() == 0 || coefficients < 1 || coefficients > kBands) {
    fail<BaselineError>("nmf: expected templates [template, bin] and 1 to {} coefficients, found {} and {}",
                        kBands, c10::str(templates.sizes()), coefficients);
  }
  const torch::Tensor precise = templates.to(torch::kFloat64);
  const torch::Tensor peak = std::get<0>(precise.max(1, /*keepdim=*/true));
  const torch::Tensor power = (precise / peak.masked_fill(peak == 0.0, 1.0)).square();
  const torch::Tensor mel = power.mm(slaney_filters(power.size(1), sample_rate).t());
  const torch::Tensor level = 10.0 * mel.clamp_min(kLeastPower).log10();
  return level.clamp_min(level.max().item<double>() - kRange).mm(cosine_transform(coefficients).t());
}

torch::Tensor two_clusters(const torch::Tensor& points, std::uint64_t seed) {
  if (points.dim() != 2 || points.numel() == 0) {
    fail<BaselineError>("nmf: expected points [point, feature], found {}", c10::str(points.sizes()));
  }
  torch::Generator generator = make_generator(seed, "k-means");
  Clusters best;
  for (int start = 0; start < kStarts; ++start) {
    Clusters found = clusters_from(points, starting_centres(points, generator));
    if (found.spread < best.spread) best = std::move(found);
  }
  return best.label;
}

}  // namespace partita::baselines
