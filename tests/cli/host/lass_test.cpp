#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command_line.hpp"
#include "support/tiny_lass.hpp"
#include "support/tiny_store.hpp"

namespace partita::cli::test {
namespace {

using Json = nlohmann::json;

/// LASS from a store of stems to stems and figures.
class Lass : public CommandLine {
 protected:
  void SetUp() override {
    const torch::Tensor sound =
        torch::stack({support::drums_like(1.6, 24000), support::bass_like(1.6, 24000)}).unsqueeze(0);
    const auto codec = codec::make_codec("mel@griffin-lim");
    const torch::Tensor mixture = sound.mean(1);
    const torch::Tensor latents =
        torch::stack({codec->encode(sound.narrow(1, 0, 1)), codec->encode(sound.narrow(1, 1, 1))}, 1);
    data::StoreWriter writer(in("store"), {"mel", 24000, 128, latents.size(3), {"drums", "bass"}, 0});
    for (const char* split : {"train", "validation", "test"}) {
      const bool kept = split != std::string("train");
      writer.add(split, codec->encode(mixture.unsqueeze(1)), latents, kept ? mixture : torch::Tensor(),
                 kept ? sound : torch::Tensor());
    }
    writer.finish();
    put_bytes(
        in("lass.toml"),
        "[data]\nstore = \"store\"\n[training]\noutput = \"run\"\nname = \"tiny-lass\"\nbatch_size = 2\n"
        "crop_frames = 16\nvqvae_steps = 3\nprior_steps = 2\nvalidation_clips = 1\n[lass]\npairs = 4\n" +
            support::tiny_lass_tables());
  }
};

TEST_F(Lass, FromStemsToStemsAndFigures) {
  expect_done(run({"train", "lass", "lass.toml"}));
  expect_done(run({"models", "verify", "./run/model"}));
  const std::string validation = bytes_of(in("run") / "validation.csv");
  EXPECT_THAT(validation, ::testing::HasSubstr("si_sdr_bass"));
  write_sound(in("song.wav"), song(2.0, 22050, 2), 22050, kInt16Wav);
  expect_done(separate({"-n", "./run/model", "song.wav"}));
  EXPECT_LE(sum_error(in("song.wav"), stems("song", "tiny-lass")), kLsb16);
  const std::string first = bytes_of(stems("song", "tiny-lass")[0]);
  expect_done(separate({"-n", "./run/model", "song.wav"}));
  EXPECT_TRUE(first == bytes_of(stems("song", "tiny-lass")[0])) << "the same seed, the same bytes";
  expect_failure(separate({"-n", "./run/model", "--refine", "learned", "song.wav"}), 2, {"mask network"});
  expect_done(run({"evaluate", "separation", "--store", "store", "-n", "./run/model", "--refine", "best",
                   "--json", "figures.json"}));
  const Json figures = Json::parse(bytes_of(in("figures.json")));
  EXPECT_EQ(figures.at("systems").at(1).at("system"), "tiny-lass");
}

}  // namespace
}  // namespace partita::cli::test
