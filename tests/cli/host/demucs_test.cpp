#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command_line.hpp"
#include "partita/io/safetensors.hpp"
#include "support/tiny_demucs.hpp"
#include "training/fixtures.hpp"

namespace partita::cli::test {
namespace {

using Json = nlohmann::json;

class DemucsCommand : public CommandLine {
 protected:
  void SetUp() override { write_sound(in("song.wav"), song(1.5, 44100, 2), 44100, kInt16Wav); }

  void expect_stems(const std::string& model, const Words& names) const {
    for (const auto& name : names) {
      const fs::path path = out() / model / "song" / (name + ".wav");
      ASSERT_TRUE(fs::exists(path)) << path;
      const audio::Waveform stem = audio::read_waveform(path);
      EXPECT_EQ(stem.sample_rate, 44100);
      EXPECT_EQ(stem.samples.sizes().vec(), (std::vector<std::int64_t>{2, 66150}));
      EXPECT_GT(stem.samples.abs().max().item<float>(), 0.0F);
    }
  }
};

TEST_F(DemucsCommand, IsTrainedSeparatesAndIsMeasured) {
  training::fixtures::write_stems(in("store"), training::fixtures::stems(5, 9600, 1),
                                  training::fixtures::stems(2, 9600, 2));
  put_bytes(in("demucs.toml"),
            training::fixtures::demucs_configuration("store", "run", "supervised_steps = 3\n"));
  expect_done(run({"train", "demucs", "demucs.toml"}));
  expect_done(separate({"-n", "./run/model", "song.wav"}));
  expect_stems("tiny-demucs", {"drums", "bass"});
  const Finished measured = run({"evaluate", "separation", "--store", "store", "--split", "validation", "-n",
                                 "./run/model", "--count", "2", "--json", "-"});
  expect_done(measured);
  const Json systems = Json::parse(measured.out).at("systems");
  ASSERT_EQ(systems.size(), 3U) << "one row, though two refinements are the default";
  EXPECT_EQ(systems[1].at("system"), "tiny-demucs");
}

TEST_F(DemucsCommand, AnOfficialCheckpointSeparatesByNameAndByPath) {
  baselines::DemucsOptions options;
  options.channels = 1;
  const io::TensorMap weights = io::state_of(*baselines::Demucs(options));
  io::write_safetensors(in("home/demucs/demucs/model.safetensors"), weights);
  io::write_safetensors(in("mine.safetensors"), weights);
  Setting at_home = setting();
  at_home.environment = {{"PARTITA_HOME", in("home").string()}};
  expect_done(run(separation({"-n", "demucs", "song.wav", "--two-stems", "vocals"}), at_home));
  expect_stems("demucs", {"vocals", "no_vocals"});
  expect_done(run(separation({"-n", "mine.safetensors", "song.wav"}), at_home));
  expect_stems("mine", {"drums", "bass", "other", "vocals"});
  const Finished listed = run({"separate", "--list-models"}, at_home);
  expect_done(listed);
  EXPECT_THAT(lines(listed.out), ::testing::Contains("demucs"));
}

TEST_F(DemucsCommand, WhatIsNoneIsSaidInOneLine) {
  expect_failure(separate({"-n", "demucs_extra", "song.wav"}), 1, {"partita models fetch demucs_extra"});
  expect_failure(separate({"-n", "none.th", "song.wav"}), 1, {"none.th"});
  put_bytes(in("bad.th"), "no weights");
  expect_failure(separate({"-n", "bad.th", "song.wav"}), 1, {"bad.th"});
  io::write_safetensors(in("other.safetensors"), {{"x", torch::ones({1})}});
  expect_failure(separate({"-n", "other.safetensors", "song.wav"}), 1,
                 {"other.safetensors", "Demucs, version 2"});
  support::write_tiny_demucs(in("tiny-demucs"), "tiny-demucs");
  write_sound(in("nan.wav"), torch::full({1, 9000}, NAN), 24000, kFloatWav);
  expect_failure(separate({"-n", "./tiny-demucs", "nan.wav"}), 1, {"nan.wav", "not a number"});
  put_bytes(in("plain.toml"), "[data]\nstore = \"store\"\n[training]\noutput = \"run\"\n");
  expect_failure(run({"train", "demucs", "plain.toml"}), 1, {"[demucs]"});
  EXPECT_TRUE(files().empty());
}

}  // namespace
}  // namespace partita::cli::test
