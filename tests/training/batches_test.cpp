#include "partita/training/batches.hpp"

#include <gtest/gtest.h>

#include <set>

namespace partita::training {
namespace {

TEST(Batches, VisitEveryClipOncePerEpoch) {
  Batches batches(10, 24, 4, 16, 5);
  std::vector<std::int64_t> seen;
  for (std::int64_t step = 0; step < 5; ++step) {  // 20 clips: two epochs
    for (const std::int64_t clip : batches.at(step).clips) seen.push_back(clip);
  }
  EXPECT_EQ(std::set<std::int64_t>(seen.begin(), seen.begin() + 10).size(), 10u);
  EXPECT_EQ(std::set<std::int64_t>(seen.begin() + 10, seen.end()).size(), 10u);
  EXPECT_FALSE(std::equal(seen.begin(), seen.begin() + 10, seen.begin() + 10)) << "epochs are shuffled anew";
}

TEST(Batches, DependOnSeedAndStepAlone) {
  Batches straight(10, 24, 4, 16, 5);
  Batches jumped(10, 24, 4, 16, 5);
  Batches other(10, 24, 4, 16, 6);
  bool differs = false;
  for (std::int64_t step = 0; step < 7; ++step) {
    const Batches::Batch a = straight.at(step);
    differs = differs || a.clips != other.at(step).clips || a.offsets != other.at(step).offsets;
    if (step != 6) continue;
    const Batches::Batch b = jumped.at(step);
    EXPECT_EQ(a.clips, b.clips);
    EXPECT_EQ(a.offsets, b.offsets);
  }
  EXPECT_TRUE(differs);
}

TEST(Batches, CropsStayInsideAndReachBothEnds) {
  Batches batches(3, 24, 8, 16, 1);
  std::set<std::int64_t> offsets;
  for (std::int64_t step = 0; step < 40; ++step) {
    for (const std::int64_t offset : batches.at(step).offsets) offsets.insert(offset);
  }
  EXPECT_EQ(*offsets.begin(), 0);
  EXPECT_EQ(*offsets.rbegin(), 8);
}

TEST(Batches, RefuseEmptySplitsAndLongCrops) {
  EXPECT_THROW(Batches(0, 24, 4, 16, 1), TrainingError);
  EXPECT_THROW(Batches(3, 15, 4, 16, 1), TrainingError);
  EXPECT_NO_THROW(Batches(1, 16, 4, 16, 1));
}

}  // namespace
}  // namespace partita::training
