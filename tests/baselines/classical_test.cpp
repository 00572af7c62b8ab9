#include <gtest/gtest.h>
#include <torch/fft.h>

#include <algorithm>
#include <string>
#include <vector>

#include "partita/base/random.hpp"
#include "partita/baselines/ft2d.hpp"
#include "partita/baselines/hpss.hpp"
#include "partita/baselines/nmf.hpp"
#include "partita/baselines/repet_sim.hpp"
#include "partita/baselines/rpca.hpp"
#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"

namespace partita::baselines {
namespace {

constexpr int kRate = 8000;
constexpr std::int64_t kHop = 700;
constexpr double kMaskTolerance = 1e-3;    // masks lie between 0 and 1
constexpr double kFactorTolerance = 1e-3;  // of the largest factor
constexpr double kMfccTolerance = 1e-4;    // dB, of about 100
constexpr double kSparseTolerance = 1e-5;  // of the largest magnitude

/// Written by scripts/golden/classical.py.
torch::Tensor golden(const std::string& name) {
  static const io::SafetensorsFile file(support::golden_path("classical.safetensors"));
  return file.tensor(name);
}

double largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }

Spectrogram spectrogram() { return {.magnitude = golden("magnitude"), .sample_rate = kRate, .hop = kHop}; }

Factors factors(const std::string& prefix) {
  return {golden(prefix + "activations"), golden(prefix + "templates")};
}

TEST(RepetSim, AgreesWithNussl) {
  const torch::Tensor drums = repet_sim().drums(spectrogram());
  EXPECT_LE(largest(drums - golden("repet_sim/background")), kMaskTolerance);
}

TEST(Ft2d, AgreesWithNussl) {
  const torch::Tensor drums = ft2d().drums(spectrogram());
  EXPECT_LE(largest(1.0 - drums - golden("ft2d/background")), kMaskTolerance);
}

TEST(Rpca, AgreesWithNussl) {
  const torch::Tensor magnitude = golden("magnitude")[0];
  for (const bool tall : {false, true}) {
    const auto found = robust_pca(tall ? magnitude.t() : magnitude);
    const torch::Tensor sparse = tall ? found.sparse.t() : found.sparse;
    EXPECT_LE(largest(sparse - golden("rpca/sparse")) / largest(magnitude), kSparseTolerance) << tall;
  }
  const torch::Tensor drums = rpca().drums(spectrogram());
  EXPECT_LE(largest(1.0 - drums - golden("rpca/background")), kMaskTolerance);
}

TEST(Nmf, FactorsAgreeWithNussl) {
  const torch::Tensor matrix = golden("magnitude").mT().flatten(0, 1);
  const Factors found = nmf(matrix, factors("nmf/start_"), 10);
  const Factors expected = factors("nmf/");
  EXPECT_LE(largest(found.activations - expected.activations) / largest(expected.activations),
            kFactorTolerance);
  EXPECT_LE(largest(found.templates - expected.templates) / largest(expected.templates), kFactorTolerance);
}

TEST(Nmf, MfccsAgreeWithLibrosa) {
  const torch::Tensor found = template_mfccs(golden("nmf/templates"), kRate, 14).slice(1, 1);
  EXPECT_LE(largest(found - golden("nmf/mfccs")), kMfccTolerance);
}

TEST(Nmf, MasksAreThoseOfTheBestClusters) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const torch::Tensor drums = drums_share(factors("timbre/"), kRate, seed);
    EXPECT_LE(largest(drums - golden("timbre/drums")), kMaskTolerance) << seed;
  }
}

TEST(Nmf, PointsWithoutClustersAreStillNearestTheirOwnMean) {
  const torch::Tensor points = golden("nmf/mfccs").to(torch::kFloat64);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const torch::Tensor label = two_clusters(points, seed);
    std::vector<torch::Tensor> distance;
    for (const std::int64_t k : {0, 1}) {
      ASSERT_TRUE((label == k).any().item<bool>()) << seed;
      distance.push_back((points - points.index({label == k}).mean(0)).norm(2, {1}));
    }
    EXPECT_TRUE(torch::equal(torch::stack(distance).argmin(0), label)) << seed;
  }
}

/// Magnitudes of noise, more than any of the blocks that work is done in.
torch::Tensor noise(at::IntArrayRef shape) {
  return torch::randn(shape, make_generator(9, "noise"), torch::kFloat64).abs();
}

/// Every window along the last axis, ends mirrored: `[..., n, width]`.
torch::Tensor windows(const torch::Tensor& x, std::int64_t width) {
  const std::int64_t n = x.size(-1), half = width / 2;
  const torch::Tensor place = torch::remainder(torch::arange(-half, n + half), 2 * n);
  return x.index_select(-1, torch::minimum(place, 2 * n - 1 - place)).unfold(-1, width, 1);
}

/// The definition of ft2d.hpp on one channel, window by window.
torch::Tensor plain_ft2d(const torch::Tensor& magnitude, std::int64_t width) {
  const torch::Tensor transform = torch::fft::fft2(magnitude);
  torch::Tensor data = torch::fft::fftshift(transform.abs());
  data = data / (data.max() + 1e-7);
  const torch::Tensor around = windows(data, width), mean = around.mean(-1), highest = around.amax(-1);
  const torch::Tensor deviation = (around.square().mean(-1) - mean.square()).clamp_min(0.0).sqrt() + 1e-7;
  torch::Tensor peaks = (highest - mean) / deviation * (data == highest);
  peaks = peaks / (peaks.max() + 1e-7);
  peaks = torch::fft::ifftshift(torch::maximum(peaks, peaks.flip({1})));
  const torch::Tensor whole = magnitude + 1e-7;
  const torch::Tensor share = torch::minimum(torch::fft::ifft2(transform * peaks).abs(), whole) / whole;
  return share / (share + 1e-7).max();
}

/// The frames most like frame `i` that are more than `distance` frames from each other, without itself.
std::vector<std::int64_t> plain_similar(torch::Tensor similarity, std::int64_t distance, std::size_t count) {
  std::vector<std::int64_t> found;
  const double lowest = similarity.min().item<double>();
  while (found.size() < count && similarity.max().item<double>() > lowest) {
    found.push_back(similarity.argmax().item<std::int64_t>());
    const std::int64_t first = std::max<std::int64_t>(0, found.back() - distance);
    similarity.slice(0, first, found.back() + distance + 1).fill_(lowest);
  }
  return {found.begin() + 1, found.end()};
}

TEST(Hpss, MasksAreThoseOfEveryWindowsMedian) {
  const torch::Tensor magnitude = noise({2, 45, 37}).to(torch::kFloat32);
  for (const std::int64_t kernel : {1, 3, 31, 99}) {
    const torch::Tensor harmonic = std::get<0>(windows(magnitude, kernel).median(-1)).square();
    const torch::Tensor percussive = std::get<0>(windows(magnitude.mT(), kernel).median(-1)).mT().square();
    const torch::Tensor masks =
        hpss_masks(magnitude, {.harmonic_kernel = kernel, .percussive_kernel = kernel});
    EXPECT_LE(largest(masks[0] - percussive / (percussive + harmonic)), 1e-5) << kernel;
    EXPECT_LE(largest(masks[1] - harmonic / (percussive + harmonic)), 1e-5) << kernel;
  }
}

TEST(RepetSim, MasksAreThoseOfTheSimilarFramesMedians) {
  constexpr std::int64_t kFrames = 600, kDistance = 7;
  const torch::Tensor magnitude = noise({2, 37, kFrames}).to(torch::kFloat32);
  const torch::Tensor mean = magnitude.to(torch::kFloat64).mean(0);
  const torch::Tensor unit = mean / mean.norm(2, {0}, true);
  const torch::Tensor similarity = unit.t().mm(unit);
  for (const std::int64_t count : {2, 5, 100}) {
    const torch::Tensor masks =
        repet_sim_background({.magnitude = magnitude, .sample_rate = kRate, .hop = kRate},
                             {.min_distance = static_cast<double>(kDistance), .max_frames = count});
    for (std::int64_t i = 0; i < kFrames; i += 13) {
      const auto similar = plain_similar(similarity[i].clone(), kDistance, static_cast<std::size_t>(count));
      const torch::Tensor sorted = std::get<0>(magnitude.index({"...", torch::tensor(similar)}).sort(-1));
      const auto size = static_cast<std::int64_t>(similar.size());
      const torch::Tensor median = 0.5 * (sorted.select(-1, (size - 1) / 2) + sorted.select(-1, size / 2));
      const torch::Tensor own = magnitude.select(2, i);
      EXPECT_LE(largest(masks.select(2, i) - torch::minimum(median, own) / own), 1e-5) << count << ", " << i;
    }
  }
}

TEST(Ft2d, MasksAreThoseOfEveryWindow) {
  // Where all of a window is one value, rounding alone decides how far it stands out.
  for (const std::int64_t frames : {2, 90, 301}) {
    const torch::Tensor magnitude = noise({2, 33, frames});
    const torch::Tensor found = ft2d_background(magnitude, {.neighbourhood = 13});
    for (const std::int64_t channel : {0, 1}) {
      EXPECT_LE(largest(found[channel] - plain_ft2d(magnitude[channel], 13)), 1e-6) << frames;
    }
  }
}

TEST(Nmf, BlocksOfFramesGiveTheFactorsOfTheWhole) {
  const torch::Tensor matrix = noise({600, 33}).to(torch::kFloat32);
  const Factors start = random_factors(matrix, 5, 1);
  torch::Tensor w = start.activations.clone(), h = start.templates.clone();
  for (int i = 0; i < 10; ++i) {
    w = w * matrix.mm(h.t()) / w.mm(h.mm(h.t()));
    h = h * w.t().mm(matrix) / w.t().mm(w).mm(h);
  }
  const Factors found = nmf(matrix, start, 10);
  EXPECT_LE(largest(found.activations - w) / largest(w), 1e-4);
  EXPECT_LE(largest(found.templates - h) / largest(h), 1e-4);
}

}  // namespace
}  // namespace partita::baselines
