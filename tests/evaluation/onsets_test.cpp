#include "partita/evaluation/onsets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace partita::evaluation {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Onsets, AreWhereBandsRise) {
  torch::Tensor latents = torch::full({8, 60}, 0.1);
  for (const std::int64_t start : {10, 25, 40}) {
    latents.slice(1, start, start + 6).copy_(torch::linspace(1.0, 0.3, 6).expand({8, 6}));
  }
  EXPECT_THAT(onsets(latents), ElementsAre(10, 25, 40));
  EXPECT_THAT(onsets(torch::full({8, 60}, 0.1)), IsEmpty()) << "nothing begins";
  EXPECT_THROW((void)onsets(torch::zeros({8})), EvaluationError);
}

TEST(Onsets, AgreeWithinTheToleranceEachOnce) {
  EXPECT_DOUBLE_EQ(onset_agreement({10, 20, 30}, {12, 19, 33}, 3), 1.0);
  EXPECT_DOUBLE_EQ(onset_agreement({10, 20, 30}, {14, 25, 40}, 3), 0.0);
  EXPECT_DOUBLE_EQ(onset_agreement({10, 11}, {10}, 3), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(onset_agreement({}, {10}, 3), 0.0);
}

}  // namespace
}  // namespace partita::evaluation
