#include "partita/data/pack.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/base/random.hpp"
#include "partita/data/store.hpp"
#include "scratch.hpp"

namespace partita::data {
namespace {

constexpr std::int64_t kChannels = 8, kFrames = 50, kSamples = 640;
constexpr std::int64_t kClipBytes = kChannels * kFrames;  // in 8 bits
constexpr std::int64_t kSmall = 1 << 16;                  // what files take beside their clips

torch::Tensor latents(std::int64_t clips, std::uint64_t seed) {
  return 11.0 * torch::rand({clips, kChannels, kFrames}, make_generator(seed, "test latents")).square();
}

/// 40 training clips, 6 validation clips of which 4 have audio.
void write_store(const std::filesystem::path& path, double sign = 1.0) {
  StoreWriter writer(path, {"mel", 24000, kChannels, kFrames, {"drums", "bass"}, 0});
  const auto add = [&](const char* split, const torch::Tensor& clips, bool audible) {
    torch::Tensor audio, sources;
    if (audible) {
      audio = torch::rand({clips.size(0), kSamples}, make_generator(3, "test audio")) - 0.5;
      sources = torch::stack({0.25 * audio, 0.75 * audio}, 1);
    }
    writer.add(split, sign * clips, torch::stack({sign * clips, sign * clips}, 1), audio, sources);
  };
  add("train", latents(40, 1), false);
  add("validation", latents(4, 2), true);
  add("validation", latents(2, 3), false);
  writer.finish();
}

PackReport pack(const PackOptions& options) {
  Progress silent;
  return pack_store(options, silent);
}

TEST(Pack, KeepsEveryClipWhereThereIsRoom) {
  const Scratch scratch;
  write_store(scratch / "store");
  const PackReport report = pack({scratch / "store", scratch / "small", 1 << 20, 5, 2});
  EXPECT_EQ(report.train_clips, 40);
  EXPECT_EQ(report.validation_clips, 5);
  EXPECT_EQ(report.waveforms, 2);
  const LatentStore whole(scratch / "store", "train"), small(scratch / "small", "train");
  ASSERT_EQ(small.size(), 40);
  const std::vector<std::int64_t> clips{0, 17, 39};
  const torch::Tensor error = (whole.mixtures(clips) - small.mixtures(clips)).abs();
  EXPECT_LE(error.max().item<double>(), 0.5001 * report.latent_step);
  EXPECT_NEAR(report.latent_step, 11.0 / 255.0, 0.002);
  EXPECT_EQ(small.kept(0).scalar_type(), torch::kUInt8);
  EXPECT_TRUE(small.mixture_crops({17}, {3}, 10).equal(small.mixtures({17}).narrow(2, 3, 10)));
  EXPECT_THROW((void)small.sources({0}), DataError);
}

TEST(Pack, KeepsAudioInHalfPrecision) {
  const Scratch scratch;
  write_store(scratch / "store");
  (void)pack({scratch / "store", scratch / "small", 1 << 20, 5, 2});
  const LatentStore whole(scratch / "store", "validation"), small(scratch / "small", "validation");
  EXPECT_EQ(small.size(), 5);
  EXPECT_EQ(small.audio_clips(), 2);
  EXPECT_EQ(small.info().sources, whole.info().sources);
  EXPECT_TRUE(small.mixture_audio().equal(
      whole.mixture_audio().narrow(0, 0, 2).to(torch::kFloat16).to(torch::kFloat32)));
  EXPECT_TRUE(small.source_audio().equal(
      whole.source_audio().narrow(0, 0, 2).to(torch::kFloat16).to(torch::kFloat32)));
  EXPECT_EQ(small.audio_crops({1}, {2}, {5}, 7).scalar_type(), torch::kFloat32);
}

TEST(Pack, TakesClipsEvenlyFromTheWholeWhereThereIsLittleRoom) {
  const Scratch scratch;
  write_store(scratch / "store");
  const std::int64_t bytes = kSmall + 2 * kClipBytes + 3 * kSamples * 2 + 10 * kClipBytes;
  const PackReport report = pack({scratch / "store", scratch / "small", bytes, 2, 1});
  EXPECT_EQ(report.train_clips, 10);
  EXPECT_EQ(report.available, 40);
  EXPECT_LE(report.bytes, bytes);
  const LatentStore whole(scratch / "store", "train"), small(scratch / "small", "train");
  for (std::int64_t i = 0; i < 10; ++i) {
    EXPECT_LE((whole.mixtures({4 * i}) - small.mixtures({i})).abs().max().item<double>(), report.latent_step)
        << i;
  }
}

TEST(Pack, NegativeLatentsStayInHalfPrecision) {
  const Scratch scratch;
  write_store(scratch / "store", -1.0);
  const PackReport report = pack({scratch / "store", scratch / "small", 1 << 20, 2, 0});
  EXPECT_EQ(report.latent_step, 0.0);
  const LatentStore whole(scratch / "store", "train"), small(scratch / "small", "train");
  EXPECT_TRUE(small.mixtures({3}).equal(whole.mixtures({3})));
  EXPECT_FALSE(LatentStore(scratch / "small", "validation").has_audio());
}

TEST(Pack, TooLittleRoomAndAnOutputThatIsAStoreAreRefused) {
  const Scratch scratch;
  write_store(scratch / "store");
  EXPECT_THAT(
      [&] {
        (void)pack({scratch / "store", scratch / "small", kSmall, 2, 1});
      },
      ::testing::ThrowsMessage<DataError>(::testing::HasSubstr("no room for training clips")));
  EXPECT_FALSE(is_store(scratch / "small"));
  EXPECT_THROW((void)pack({scratch / "store", scratch / "store", 1 << 20, 2, 1}), DataError);
  EXPECT_THROW((void)pack({scratch / "none", scratch / "small", 1 << 20, 2, 1}), DataError);
}

}  // namespace
}  // namespace partita::data
