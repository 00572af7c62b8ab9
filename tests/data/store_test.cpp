#include "partita/data/store.hpp"

#include <gtest/gtest.h>

#include "partita/io/error.hpp"
#include "scratch.hpp"

namespace partita::data {
namespace {

namespace fs = std::filesystem;

StoreInfo example_info() { return {"mel", 24000, 8, 5, {"drums", "bass"}}; }

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
  EXPECT_THROW(LatentStore(scratch / "store", "test"), DataError);
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
