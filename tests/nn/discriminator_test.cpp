#include "partita/nn/discriminator.hpp"

#include <gtest/gtest.h>

#include "partita/base/random.hpp"

namespace partita::nn {
namespace {

TEST(PatchDiscriminator, JudgesEveryPatchAndShowsItsLayers) {
  PatchDiscriminator network(2, 4, 3);
  const auto verdict = network->forward(torch::randn({2, 2, 33, 10}, make_generator(1, "picture")));
  EXPECT_EQ(verdict.score.sizes().vec(), (std::vector<std::int64_t>{2, 1, 5, 10}));
  ASSERT_EQ(verdict.features.size(), 3U);
  EXPECT_EQ(verdict.features[0].sizes().vec(), (std::vector<std::int64_t>{2, 4, 17, 10}));
  EXPECT_EQ(verdict.features[2].sizes().vec(), (std::vector<std::int64_t>{2, 4, 5, 10}));
}

TEST(PatchDiscriminator, EveryParameterLearns) {
  PatchDiscriminator network(2, 4, 3);
  network->forward(torch::randn({2, 2, 33, 10}, make_generator(1, "picture")))
      .score.square()
      .sum()
      .backward();
  for (const auto& item : network->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<float>(), 0.0F) << item.key();
  }
}

TEST(PatchDiscriminator, RefusesSizesThatAreNone) {
  EXPECT_THROW(PatchDiscriminator(0, 4, 3), NetworkError);
  EXPECT_THROW(PatchDiscriminator(2, 0, 3), NetworkError);
  EXPECT_THROW(PatchDiscriminator(2, 4, 0), NetworkError);
}

}  // namespace
}  // namespace partita::nn
