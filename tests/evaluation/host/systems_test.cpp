#include "partita/evaluation/systems.hpp"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "partita/baselines/baseline.hpp"
#include "support/signals.hpp"

namespace partita::evaluation {
namespace {

constexpr int kRate = 24000;

class BaselineOfOtherSources : public testing::Test {
 protected:
  /// `[source, sample]`
  [[nodiscard]] torch::Tensor found(const std::vector<std::string>& sources) const {
    const System system = named_systems("hpss", {}, {}, torch::kCPU, sources).front();
    Clip clip;
    clip.mixture = mixture;
    clip.sample_rate = kRate;
    return system.separate(clip);
  }
  [[nodiscard]] static torch::Tensor split(const torch::Tensor& samples) {
    return baselines::separate(*baselines::find_baseline("hpss"), samples.unsqueeze(0), kRate).squeeze(1);
  }

  torch::Tensor mixture = support::drums_like(2.0, kRate) + support::bass_like(2.0, kRate);
  torch::Tensor drums_and_bass = split(mixture);
};

TEST_F(BaselineOfOtherSources, IsWhatTheyAreNamedFor) {
  EXPECT_TRUE(torch::equal(found({"drums", "bass"}), drums_and_bass));
  EXPECT_TRUE(torch::equal(found({"bass", "drums"}), drums_and_bass.flip(0)));
  EXPECT_TRUE(torch::equal(found({"drums", "piano"}), drums_and_bass));
  EXPECT_TRUE(torch::equal(found({"piano", "bass"}), drums_and_bass));
  EXPECT_TRUE(torch::equal(found({"bass", "piano"}), drums_and_bass.flip(0)));
}

TEST_F(BaselineOfOtherSources, TakesTheRestApartOnceMore) {
  const torch::Tensor three = found({"drums", "bass", "piano"});
  EXPECT_TRUE(torch::equal(three[0], drums_and_bass[0]));
  const torch::Tensor rest = split(drums_and_bass[1]);
  EXPECT_TRUE(torch::equal(three[1], rest[1]));
  EXPECT_TRUE(torch::equal(three[2], rest[0]));
  EXPECT_TRUE(torch::allclose(three.sum(0), mixture, 0.0, 1e-5));
}

TEST_F(BaselineOfOtherSources, RefusesThoseItKnowsNothingOf) {
  EXPECT_THROW(found({"flute", "piano"}), EvaluationError);
  EXPECT_THROW(found({"drums", "flute", "piano"}), EvaluationError);
}

}  // namespace
}  // namespace partita::evaluation
