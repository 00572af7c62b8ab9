#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "partita/baselines/ft2d.hpp"
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

}  // namespace
}  // namespace partita::baselines
