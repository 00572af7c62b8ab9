#include "partita/base/random.hpp"

#include <gtest/gtest.h>

#include <set>

namespace partita {
namespace {

/// Written out from an independent Python implementation: the values must never change, or
/// every recorded run would.
TEST(DeriveSeed, IsTheSameOnEveryPlatform) {
  EXPECT_EQ(derive_seed(0, ""), 0xa6bbc8dcbe30928cULL);
  EXPECT_EQ(derive_seed(0, "noise"), 0x9839e76f16b8a388ULL);
  EXPECT_EQ(derive_seed(42, "noise", 7), 0x58530430fd997e7aULL);
}

TEST(DeriveSeed, EveryArgumentMatters) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const char* purpose : {"a", "b", "ab", "ba", ""}) {
      for (std::uint64_t index = 0; index < 20; ++index) seeds.insert(derive_seed(seed, purpose, index));
    }
  }
  EXPECT_EQ(seeds.size(), 20U * 5U * 20U);
}

TEST(MakeGenerator, StreamsAreReproducedAndApart) {
  auto first = make_generator(1, "noise");
  auto again = make_generator(1, "noise");
  auto other = make_generator(1, "batches");
  const auto draw = torch::randn({16}, first);
  EXPECT_TRUE(torch::equal(draw, torch::randn({16}, again)));
  EXPECT_FALSE(torch::equal(draw, torch::randn({16}, other)));
  EXPECT_FALSE(torch::equal(draw, torch::randn({16}, first)));
}

}  // namespace
}  // namespace partita
