#include "partita/evaluation/ms_stft.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "partita/base/random.hpp"
#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"

namespace partita::evaluation {
namespace {

torch::Tensor noise(std::int64_t samples) {
  return torch::randn({samples}, make_generator(3, "ms-stft"), torch::kFloat32);
}

TEST(MsStft, OfASignalToItselfIsZero) {
  const torch::Tensor x = noise(5000);
  EXPECT_EQ(ms_stft_distance(x, x), 0.0);
}

TEST(MsStft, OfADoubledSignalIsKnown) {
  // At each of five scales |2X − X|² / |X|² = 1 and |log 2X − log X| = log 2, but for the 1e-7.
  const torch::Tensor x = noise(8000);
  EXPECT_NEAR(ms_stft_distance(2.0 * x, x), 5.0 * (1.0 + std::log(2.0)), 1e-3);
  EXPECT_NEAR(ms_stft_distance(x, 2.0 * x), 5.0 * (0.25 + std::log(2.0)), 1e-3);
}

/// Written by scripts/golden/ms_stft.py: RAVE's definition in float64.
TEST(MsStftGolden, AgreesWithRave) {
  const io::SafetensorsFile golden(support::golden_path("ms_stft.safetensors"));
  ASSERT_EQ(golden.metadata().size(), 5U);
  for (const auto& [name, text] : golden.metadata()) {
    const double expected = nlohmann::json::parse(text);
    EXPECT_NEAR(ms_stft_distance(golden.tensor(name + "/estimate"), golden.tensor(name + "/reference")),
                expected, 1e-7 * expected)
        << name;
  }
}

TEST(MsStft, ChannelsAreTakenTogether) {
  const torch::Tensor x = torch::stack({noise(4000), noise(4000).flip(0)});
  EXPECT_NEAR(ms_stft_distance(2.0 * x, x), 5.0 * (1.0 + std::log(2.0)), 1e-3);
}

TEST(MsStftLoss, OfLoudSoundsIsTheMeanOfTheirDistances) {
  const torch::Tensor truth = torch::stack({noise(6000), 0.5 * noise(6000).flip(0)});
  const torch::Tensor made = torch::stack({1.5 * noise(6000), noise(6000)});
  const double mean = (ms_stft_distance(made[0], truth[0]) + ms_stft_distance(made[1], truth[1])) / 2.0;
  // Apart by what is added to powers and within logarithms.
  EXPECT_NEAR(ms_stft_loss(made, truth).item<double>(), mean, 1e-3 * mean);
}

TEST(MsStftLoss, IsFiniteForSilenceAndSoAreItsGradients) {
  for (const torch::Tensor& truth : {torch::zeros({1, 4000}), 0.1 * noise(4000).unsqueeze(0)}) {
    const torch::Tensor made = torch::zeros({1, 4000}).requires_grad_(true);
    const torch::Tensor loss = ms_stft_loss(made, truth);
    loss.backward();
    EXPECT_TRUE(std::isfinite(loss.item<double>()));
    EXPECT_TRUE(torch::isfinite(made.grad()).all().item<bool>());
  }
}

TEST(MsStft, RefusesWhatDoesNotFit) {
  EXPECT_THROW((void)ms_stft_distance(noise(2000), noise(2001)), EvaluationError);
  EXPECT_THROW((void)ms_stft_distance(noise(1024), noise(1024)), EvaluationError);
  EXPECT_NO_THROW((void)ms_stft_distance(noise(1025), noise(1025)));
  EXPECT_THROW((void)ms_stft_loss(noise(1024).unsqueeze(0), noise(1024).unsqueeze(0)), EvaluationError);
}

}  // namespace
}  // namespace partita::evaluation
