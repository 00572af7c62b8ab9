#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command_line.hpp"

namespace partita::cli::test {
namespace {

using ::testing::HasSubstr;

/// With a tiny model that has masks.
class Adapt : public CommandLine {
 protected:
  void SetUp() override {
    decomposition::tiny_model_with_masks(folder_);
    write_sound(in("song.wav"), song(15.0, 24000, 2), 24000, kInt16Wav);
  }
  [[nodiscard]] Finished adapt(const Words& arguments) const {
    Words all{"adapt", "--steps", "4", "-n", "masked", "-o", "mine"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all);
  }
};

TEST_F(Adapt, ASongMakesAModelThatTakesItApart) {
  const Finished finished = adapt({"song.wav", "--json", "report.json"});
  expect_done(finished);
  EXPECT_THAT(finished.err, HasSubstr("partita separate SONG -n mine"));
  EXPECT_FALSE(fs::exists(in("mine.adapting")));
  const io::ModelFolder model(in("mine"));
  EXPECT_EQ(model.name(), "mine");
  const auto before = io::ModelFolder(in("masked")).weights(decomposition::kMasksFile).tensors();
  const auto after = model.weights(decomposition::kMasksFile).tensors();
  EXPECT_FALSE(torch::equal(after.at("in.weight"), before.at("in.weight").to(torch::kFloat16)));
  EXPECT_EQ(nlohmann::json::parse(bytes_of(in("report.json"))).at("clips"), 2);
  expect_done(separate({"song.wav", "-n", "mine", "--float32"}));
  EXPECT_LE(sum_error(in("song.wav"), stems("song", "mine")), 1e-6);
}

TEST_F(Adapt, AFolderOfSongsIsHeardWhole) {
  fs::create_directories(in("songs/below"));
  write_sound(in("songs/one.flac"), song(8.0, 24000, 1), 24000, kFlac);
  write_sound(in("songs/below/two.wav"), song(8.0, 24000, 1), 24000, kInt16Wav);
  put_bytes(in("songs/broken.wav"), "RIFF");
  const Finished finished = adapt({"songs", "--json", "report.json"});
  expect_done(finished);
  EXPECT_THAT(finished.err, HasSubstr("broken.wav"));
  EXPECT_EQ(nlohmann::json::parse(bytes_of(in("report.json"))).at("clips"), 2);
}

/// What an interrupted call leaves goes on to the model of one that was not.
TEST_F(Adapt, GoesOnWhereItWasStopped) {
  expect_done(adapt({"song.wav"}));
  const Words words_of_other{"--threads", "1",  "adapt",  "song.wav", "--steps",
                             "4",         "-n", "masked", "-o",       "other"};
  fs::create_directories(in("other.adapting"));
  put_bytes(in("other.adapting/songs.txt"), (fs::absolute(in("song.wav")).string() + "\n"));
  expect_done(run({"prepare", "--mixtures", "song.wav", "--splits", "train", "-o", "other.adapting/store"}));
  expect_done(Process(words_of_other, setting()).wait());
  EXPECT_EQ(bytes_of(in("other/masks.safetensors")), bytes_of(in("mine/masks.safetensors")));
}

TEST_F(Adapt, WhatCannotBeIsSaid) {
  expect_failure(adapt({"nowhere.wav"}), 2, {"nowhere.wav"});
  expect_failure(run({"adapt", "song.wav", "-n", "tiny", "-o", "mine"}), 2, {"no mask network"});
  write_sound(in("short.wav"), song(3.0, 24000, 1), 24000, kInt16Wav);
  expect_failure(adapt({"short.wav"}), 1, {"no clip of 7 s"});
  expect_failure(adapt({"song.wav"}), 2, {"begun with other songs", "short.wav"});
  fs::create_directories(in("mine"));
  expect_failure(adapt({"song.wav"}), 2, {"mine", "exists already"});
}

}  // namespace
}  // namespace partita::cli::test
