#include "partita/baselines/demucs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/base/random.hpp"

namespace partita::baselines {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Shape = std::vector<std::int64_t>;

Demucs tiny(std::int64_t audio_channels) {
  DemucsOptions options;
  options.sources = {"drums", "bass"};
  options.audio_channels = audio_channels;
  options.sample_rate = 8000;
  options.channels = 3;
  options.depth = 2;
  options.resample = false;
  options.normalize = true;
  return Demucs(options);
}

torch::Tensor song(std::int64_t channels, std::int64_t samples) {
  return torch::randn({channels, samples}, make_generator(1, "song"));
}

TEST(DemucsAtAnyRate, KeepsShapeAndIsItsOwnAtItsOwnRate) {
  Demucs network = tiny(2);
  const torch::Tensor x = song(2, 5000);
  EXPECT_TRUE(torch::equal(separate(*network, x, 8000), separate_segments(*network, x)));
  for (const int rate : {11025, 44100}) {
    for (const std::int64_t samples : {1, 3, 4321})
      EXPECT_EQ(separate(*network, song(2, samples), rate).sizes().vec(), (Shape{2, 2, samples})) << rate;
  }
}

TEST(DemucsAtAnyRate, ANetworkOfOneChannelTakesEachByItself) {
  Demucs network = tiny(1);
  const torch::Tensor x = song(2, 3000);
  const torch::Tensor both = separate(*network, x, 8000);
  for (std::int64_t channel = 0; channel < 2; ++channel) {
    EXPECT_TRUE(torch::equal(both.narrow(1, channel, 1), separate(*network, x.narrow(0, channel, 1), 8000)));
  }
}

TEST(DemucsAtAnyRate, ANetworkOfTwoChannelsTakesMonoTwice) {
  Demucs network = tiny(2);
  const torch::Tensor x = song(1, 3000);
  const torch::Tensor stereo = separate(*network, x.repeat({2, 1}), 8000);
  EXPECT_TRUE(torch::equal(separate(*network, x, 8000), stereo.mean(1, true)));
  EXPECT_THAT([&] { (void)separate(*network, song(3, 3000), 8000); },
              ThrowsMessage<BaselineError>(HasSubstr("takes 2 channels, found 3")));
}

TEST(DemucsAtAnyRate, WrongInputIsRefused) {
  Demucs network = tiny(1);
  EXPECT_THROW((void)separate(*network, song(1, 3000), 0), BaselineError);
  EXPECT_THROW((void)separate(*network, song(1, 0), 8000), BaselineError);
  EXPECT_THROW((void)separate(*network, song(1, 3000)[0], 8000), BaselineError);
}

}  // namespace
}  // namespace partita::baselines
