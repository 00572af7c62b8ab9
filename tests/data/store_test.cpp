#include "partita/data/store.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "partita/codec/codec.hpp"
#include "partita/io/error.hpp"
#include "partita/io/safetensors.hpp"
#include "scratch.hpp"

namespace partita::data {
namespace {

namespace fs = std::filesystem;

StoreInfo example_info() { return {"mel", 24000, 8, 5, {"drums", "bass"}, 0}; }

/// Three clips with audio, then four without. Values are exact in half precision.
void write_example(const fs::path& path) {
  StoreWriter writer(path, example_info());
  const torch::Tensor latents = torch::arange(7 * 8 * 5).reshape({7, 8, 5}).to(torch::kFloat32);
  const torch::Tensor sources = torch::stack({latents, -latents}, 1);
  const torch::Tensor audio = torch::arange(12).reshape({3, 4}).to(torch::kFloat32) / 16.0;
  writer.add("validation", latents.narrow(0, 0, 3), sources.narrow(0, 0, 3), audio,
             torch::stack({audio, 2.0 * audio}, 1));
  writer.add("validation", latents.narrow(0, 3, 4), sources.narrow(0, 3, 4), {}, {});
  writer.finish();
}

TEST(Store, RoundTrip) {
  const Scratch scratch;
  write_example(scratch / "store");
  const LatentStore store(scratch / "store", "validation");
  EXPECT_EQ(store.size(), 7);
  EXPECT_EQ(store.info().codec, "mel");
  EXPECT_EQ(store.info().sources, (std::vector<std::string>{"drums", "bass"}));
  const torch::Tensor latents = torch::arange(7 * 8 * 5).reshape({7, 8, 5}).to(torch::kFloat32);
  const torch::Tensor expected = latents.index_select(0, torch::tensor({6, 0, 3}));
  EXPECT_TRUE(store.mixtures({6, 0, 3}).equal(expected));
  EXPECT_TRUE(store.sources({6, 0, 3}).equal(torch::stack({expected, -expected}, 1)));
  ASSERT_TRUE(store.has_audio());
  EXPECT_EQ(store.mixture_audio().sizes().vec(), (std::vector<std::int64_t>{3, 4}));
  EXPECT_TRUE(store.source_audio().select(1, 1).equal(2.0 * store.mixture_audio()));
  EXPECT_THROW((void)store.mixtures({7}), DataError);
  EXPECT_THROW((void)store.mixtures({-1}), DataError);
  const torch::Tensor crops = store.mixture_crops({6, 0}, {1, 2}, 3);
  EXPECT_TRUE(crops[0].equal(store.mixtures({6})[0].narrow(1, 1, 3)));
  EXPECT_TRUE(crops[1].equal(store.mixtures({0})[0].narrow(1, 2, 3)));
  EXPECT_THROW((void)store.mixture_crops({6}, {3}, 3), DataError);
  EXPECT_THROW((void)store.mixture_crops({6}, {-1}, 3), DataError);
  EXPECT_THROW(LatentStore(scratch / "store", "test"), DataError);
}

TEST(Store, GivesCropsOfKeptAudio) {
  const Scratch scratch;
  write_example(scratch / "store");
  const LatentStore store(scratch / "store", "validation");
  EXPECT_EQ(store.audio_clips(), 3);
  EXPECT_EQ(store.audio_length(), 4);
  EXPECT_EQ(store.sounds(), 3);
  const torch::Tensor crops = store.audio_crops({2, 0, 1}, {0, 1, 2}, {1, 0, 2}, 2);
  EXPECT_TRUE(crops[0].equal(store.mixture_audio()[2].narrow(0, 1, 2)));
  EXPECT_TRUE(crops[1].equal(store.source_audio()[0][0].narrow(0, 0, 2)));
  EXPECT_TRUE(crops[2].equal(store.source_audio()[1][1].narrow(0, 2, 2)));
  EXPECT_THROW((void)store.audio_crops({3}, {0}, {0}, 2), DataError);
  EXPECT_THROW((void)store.audio_crops({0}, {3}, {0}, 2), DataError);
  EXPECT_THROW((void)store.audio_crops({0}, {0}, {3}, 2), DataError);
  EXPECT_THROW((void)store.audio_crops({0}, {0}, {-1}, 2), DataError);
  EXPECT_THROW((void)store.audio_crops({}, {}, {}, 2), DataError);
}

TEST(Store, WithoutStemsHasNoSources) {
  const Scratch scratch;
  StoreInfo info = example_info();
  info.sources.clear();
  StoreWriter writer(scratch / "store", info);
  writer.add("train", torch::ones({2, 8, 5}), {}, {}, {});
  writer.finish();
  const LatentStore store(scratch / "store", "train");
  EXPECT_FALSE(store.has_audio());
  EXPECT_THROW((void)store.sources({0}), DataError);
  EXPECT_THROW((void)store.mixture_audio(), DataError);
  EXPECT_EQ(store.audio_clips(), 0);
  EXPECT_THROW((void)store.audio_length(), DataError);
}

/// Two codebooks of four vectors each in two dimensions; latents are the sums of the vectors chosen.
class TinyCodec final : public codec::Codec {
 public:
  torch::Tensor encode(const torch::Tensor& samples) override { return decode_codes(encode_codes(samples)); }
  torch::Tensor decode(const torch::Tensor& latents) override { return latents; }
  torch::Tensor power_spectrum(const torch::Tensor& latents, std::int64_t /*window*/) override {
    return latents;
  }
  std::int64_t codebooks() const override { return 2; }
  torch::Tensor encode_codes(const torch::Tensor& samples) override {
    return samples.expand({-1, 2, -1}).to(torch::kLong).remainder(4);
  }
  torch::Tensor decode_codes(const torch::Tensor& codes) override {
    const torch::Tensor vectors = torch::arange(16).reshape({2, 4, 2}).to(torch::kFloat32);
    const torch::Tensor first = vectors[0].index({codes.select(1, 0)});
    return (first + vectors[1].index({codes.select(1, 1)})).transpose(1, 2);
  }
  std::string name() const override { return "tiny"; }
  int sample_rate() const override { return 24000; }
  int channels() const override { return 1; }
  std::int64_t hop() const override { return 1; }
  std::int64_t latent_dim() const override { return 2; }
};

TEST(Store, CodesAreKeptNarrowAndDecodedWhenRead) {
  const Scratch scratch;
  StoreInfo info{"tiny", 24000, 2, 6, {"drums", "bass"}, 2};
  const auto codec = std::make_shared<TinyCodec>();
  const torch::Tensor codes = torch::randint(0, 4, {5, 2, 6}, torch::kLong);
  StoreWriter writer(scratch / "store", info);
  writer.add("train", codes, torch::stack({codes, 3 - codes}, 1), {}, {});
  EXPECT_THROW(
      writer.add("train", torch::zeros({5, 3, 6}, torch::kLong), torch::stack({codes, codes}, 1), {}, {}),
      DataError);
  writer.finish();
  const io::SafetensorsFile shard(scratch / "store" / "train" / "00000.safetensors");
  EXPECT_EQ(shard.entries().at("mixture").dtype, torch::kInt16);
  const LatentStore store(scratch / "store", "train", codec);
  EXPECT_EQ(store.info().codebooks, 2);
  const torch::Tensor picked = codes.index_select(0, torch::tensor({4, 1}));
  EXPECT_TRUE(store.mixtures({4, 1}).equal(codec->decode_codes(picked)));
  EXPECT_TRUE(store.mixture_crops({4, 1}, {2, 2}, 3).equal(codec->decode_codes(picked).narrow(2, 2, 3)));
  const torch::Tensor sources = store.sources({4, 1});
  ASSERT_EQ(sources.sizes().vec(), (std::vector<std::int64_t>{2, 2, 2, 6}));
  EXPECT_TRUE(sources.select(1, 1).equal(codec->decode_codes(3 - picked)));
}

TEST(Store, CodesTooHighForSixteenBitsTakeThirtyTwo) {
  const Scratch scratch;
  const StoreInfo info{"tiny", 24000, 2, 3, {}, 1};
  write_shard(scratch / "store", "train", "00000", info,
              {torch::full({1, 1, 3}, 40000, torch::kLong), {}, {}, {}});
  const io::SafetensorsFile shard(scratch / "store" / "train" / "00000.safetensors");
  EXPECT_EQ(shard.entries().at("mixture").dtype, torch::kInt32);
  EXPECT_EQ(shard.tensor("mixture").max().item<std::int64_t>(), 40000);
}

TEST(Store, ShardThatTheIndexNamesMustBeThere) {
  const Scratch scratch;
  write_example(scratch / "store");
  fs::rename(scratch / "store" / "validation" / "00000.safetensors",
             scratch / "store" / "validation" / "00001.safetensors");
  EXPECT_THROW(LatentStore(scratch / "store", "validation"), DataError);
  write_bytes(scratch / "store" / "index.json", "{broken");
  EXPECT_THROW(LatentStore(scratch / "store", "validation"), DataError);
  fs::remove(scratch / "store" / "index.json");  // a store made before there were indices
  EXPECT_EQ(LatentStore(scratch / "store", "validation").size(), 7);
}

TEST(Store, UnfinishedIsNoStoreAndFinishedIsNotOverwritten) {
  const Scratch scratch;
  {
    StoreWriter writer(scratch / "store", example_info());
    writer.add("train", torch::ones({2, 8, 5}), torch::ones({2, 2, 8, 5}), {}, {});
  }
  EXPECT_THROW(LatentStore(scratch / "store", "train"), DataError);
  write_example(scratch / "store");
  EXPECT_THROW(StoreWriter(scratch / "store", example_info()), DataError);
}

TEST(Store, WriterRefusesOtherShapes) {
  const Scratch scratch;
  StoreWriter writer(scratch / "store", example_info());
  const torch::Tensor mixture = torch::ones({2, 8, 5});
  const torch::Tensor sources = torch::ones({2, 2, 8, 5});
  EXPECT_THROW(writer.add("train", torch::ones({2, 8, 6}), sources, {}, {}), DataError);
  EXPECT_THROW(writer.add("train", mixture, {}, {}, {}), DataError);
  EXPECT_THROW(writer.add("train", mixture, torch::ones({2, 3, 8, 5}), {}, {}), DataError);
  EXPECT_THROW(writer.add("train", mixture, sources, torch::ones({1, 4}), torch::ones({1, 2, 4})), DataError);
  writer.add("train", mixture, sources, {}, {});
  EXPECT_THROW(writer.add("train", mixture, sources, torch::ones({2, 4}), torch::ones({2, 2, 4})), DataError);
}

TEST(Store, CorruptFilesAreRefused) {
  const Scratch scratch;
  const fs::path store = scratch / "store";
  const auto expect_refused = [&](const char* what) {
    EXPECT_THROW(LatentStore(store, "validation"), Error) << what;
    fs::remove_all(store);
    write_example(store);
    EXPECT_NO_THROW(LatentStore(store, "validation")) << what;
  };
  write_example(store);
  const fs::path shard = store / "validation" / "00000.safetensors";
  const std::string bytes = bytes_of(shard);
  write_bytes(shard, bytes.substr(0, bytes.size() - 1));
  expect_refused("truncated shard");
  write_bytes(shard, "");
  expect_refused("empty shard");
  io::write_safetensors(shard, {{"mixture", torch::ones({7, 8, 6}).to(torch::kFloat16)}});
  expect_refused("shape that disagrees with store.toml");
  io::write_safetensors(shard, {{"mixture", torch::ones({7, 8, 5})}});
  expect_refused("wrong type");
  io::write_safetensors(shard, {{"mixture", torch::ones({7, 8, 5}).to(torch::kFloat16)}});
  expect_refused("sources missing");
  write_bytes(store / "store.toml", "version = 1\n");
  expect_refused("keys missing");
  std::string toml = bytes_of(store / "store.toml");
  write_bytes(store / "store.toml", "version = 99\n" + toml.substr(toml.find('\n') + 1));
  expect_refused("another version");
  write_bytes(store / "store.toml", toml + "surprise = 1\n");
  expect_refused("unknown key");
}

}  // namespace
}  // namespace partita::data
