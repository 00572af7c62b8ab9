#include "partita/training/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures.hpp"
#include "partita/io/atomic_file.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;

Checkpoint example(std::int64_t step) {
  Checkpoint checkpoint;
  checkpoint.step = step;
  checkpoint.stage = "diffusion";
  checkpoint.stage_step = step - 1;
  checkpoint.clips = 10;
  checkpoint.minutes = 1.5;
  checkpoint.configuration = "[training]\nseed = 1\n";
  checkpoint.state = {{"model.weight", torch::full({3}, static_cast<double>(step))}};
  return checkpoint;
}

std::string name_of(std::int64_t step) { return fmt::format("step-{:08}", step); }

TEST(Checkpoint, RoundTrips) {
  const fixtures::Folder run;
  write_checkpoint(run / "", example(12));
  const std::optional<Checkpoint> back = newest_checkpoint(run / "");
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->step, 12);
  EXPECT_EQ(back->stage, "diffusion");
  EXPECT_EQ(back->stage_step, 11);
  EXPECT_EQ(back->clips, 10);
  EXPECT_DOUBLE_EQ(back->minutes, 1.5);
  EXPECT_EQ(back->configuration, example(12).configuration);
  EXPECT_TRUE(torch::equal(back->state.at("model.weight"), torch::full({3}, 12.0)));
}

TEST(Checkpoint, KeepsTheNewestTwo) {
  const fixtures::Folder run;
  for (const std::int64_t step : {5, 10, 15, 20}) write_checkpoint(run / "", example(step));
  EXPECT_FALSE(fs::exists(run / "checkpoints" / name_of(10)));
  EXPECT_TRUE(fs::exists(run / "checkpoints" / name_of(15)));
  EXPECT_TRUE(fs::exists(run / "checkpoints" / name_of(20)));
}

TEST(Checkpoint, NoneInANewRun) {
  const fixtures::Folder run;
  EXPECT_FALSE(newest_checkpoint(run / "").has_value());
  EXPECT_FALSE(has_checkpoints(run / "nowhere"));
}

/// Breaks the newest of two checkpoints in one way; the one before is to be used.
void expect_fallback(const std::function<void(const fs::path&)>& damage) {
  const fixtures::Folder run;
  write_checkpoint(run / "", example(1));
  write_checkpoint(run / "", example(2));
  const fs::path folder = run / "checkpoints" / name_of(2);
  damage(folder);
  EXPECT_THROW((void)read_checkpoint(folder), TrainingError);
  const std::optional<Checkpoint> used = newest_checkpoint(run / "");
  ASSERT_TRUE(used.has_value());
  EXPECT_EQ(used->step, 1);
}

TEST(Checkpoint, CutOffIsRefusedAndTheOneBeforeUsed) {
  expect_fallback([](const fs::path& folder) { fs::remove(folder / "checkpoint.toml"); });
}

TEST(Checkpoint, MissingStateIsRefused) {
  expect_fallback([](const fs::path& folder) { fs::remove(folder / "state.safetensors"); });
}

TEST(Checkpoint, FlippedByteIsRefused) {
  expect_fallback([](const fs::path& folder) {
    std::string bytes = io::read_file(folder / "state.safetensors");
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    io::write_file(folder / "state.safetensors", bytes);
  });
}

TEST(Checkpoint, TruncatedStateIsRefused) {
  expect_fallback([](const fs::path& folder) { fs::resize_file(folder / "state.safetensors", 20); });
}

TEST(Checkpoint, ChangedConfigurationFileIsRefused) {
  expect_fallback(
      [](const fs::path& folder) { io::write_file(folder / "configuration.toml", "seed = 2\n"); });
}

TEST(Checkpoint, OtherFormatIsRefused) {
  expect_fallback([](const fs::path& folder) {
    std::string card = io::read_file(folder / "checkpoint.toml");
    card.replace(card.find("format = 2"), 10, "format = 9");
    io::write_file(folder / "checkpoint.toml", card);
  });
}

TEST(Checkpoint, AllBrokenIsAnError) {
  const fixtures::Folder run;
  write_checkpoint(run / "", example(1));
  fs::remove(run / "checkpoints" / name_of(1) / "checkpoint.toml");
  EXPECT_THROW((void)newest_checkpoint(run / ""), TrainingError);
}

/// What a run leaves that is killed while it writes its first checkpoint.
TEST(Checkpoint, AnUnfinishedOneIsNone) {
  const fixtures::Folder run;
  write_checkpoint(run / "", example(1));
  fs::rename(run / "checkpoints" / name_of(1), run / "checkpoints" / ".unfinished");
  fs::remove(run / "checkpoints" / ".unfinished" / "checkpoint.toml");
  EXPECT_FALSE(has_checkpoints(run / ""));
  EXPECT_FALSE(newest_checkpoint(run / "").has_value());
  write_checkpoint(run / "", example(2));
  EXPECT_EQ(newest_checkpoint(run / "")->step, 2);
  EXPECT_FALSE(fs::exists(run / "checkpoints" / ".unfinished"));
}

TEST(Checkpoint, ABrokenNewerOneIsReplaced) {
  const fixtures::Folder run;
  write_checkpoint(run / "", example(1));
  write_checkpoint(run / "", example(9));
  fs::remove(run / "checkpoints" / name_of(9) / "checkpoint.toml");
  write_checkpoint(run / "", example(2));
  EXPECT_EQ(newest_checkpoint(run / "")->step, 2);
  EXPECT_FALSE(fs::exists(run / "checkpoints" / name_of(9)));
  EXPECT_TRUE(fs::exists(run / "checkpoints" / name_of(1)));
}

TEST(Configuration, DifferencesNameTheKey) {
  const std::string base = "[training]\nseed = 1\nminutes = 5.0\n[model]\ncomp_function = \"sum\"\n";
  EXPECT_EQ(configuration_difference(base, base), "");
  EXPECT_THAT(configuration_difference(
                  base, "[training]\nseed = 2\nminutes = 5.0\n[model]\ncomp_function = \"sum\"\n"),
              ::testing::HasSubstr("training.seed was 1"));
  EXPECT_THAT(configuration_difference(base, "[training]\nseed = 1\n[model]\n"),
              ::testing::HasSubstr("model.comp_function"));
  EXPECT_THAT(configuration_difference(base, base + "p = [1, 2]\n"),
              ::testing::HasSubstr("model.p was not given"));
}

TEST(Configuration, PathsLimitsAndCountsMayChange) {
  EXPECT_EQ(
      configuration_difference("[data]\nstore = \"a\"\n[training]\noutput = \"x\"\nminutes = 1.0\n"
                               "diffusion_steps = 10\nvalidate_every = 5\nlength = 2.0\n",
                               "[data]\nstore = \"b\"\n[training]\noutput = \"y\"\nautoencoder_steps = 3\n"),
      "");
}

}  // namespace
}  // namespace partita::training
