#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;
using fixtures::configuration;
using fixtures::Folder;
using fixtures::parsed;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr const char* kSteps =
    "autoencoder_steps = 8\ndiffusion_steps = 4\nvalidate_every = 4\ncheckpoint_every = 6\n";

Checkpoint trained(const std::string& text, const fs::path& run) {
  Progress silent;
  train_decomposition(parsed(text), false, torch::kCPU, silent);
  return *newest_checkpoint(run);
}

TEST(Length, StagesAndIntervalsTakeSoManyTimesTheirSteps) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  const Checkpoint half =
      trained(configuration(store, folder / "half", std::string(kSteps) + "length = 0.5\n"), folder / "half");
  const Checkpoint said = trained(
      configuration(store, folder / "said",
                    "autoencoder_steps = 4\ndiffusion_steps = 2\nvalidate_every = 2\ncheckpoint_every = 3\n"),
      folder / "said");
  EXPECT_EQ(half.step, 6);
  EXPECT_EQ(half.stage_step, 2);
  for (const auto& [name, tensor] : said.state)
    EXPECT_TRUE(torch::equal(tensor, half.state.at(name))) << name;
  const auto names = [&](const char* run) {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder / run / "checkpoints"))
      found.push_back(entry.path().filename().string());
    return found;
  };
  EXPECT_THAT(names("half"), ::testing::UnorderedElementsAreArray(names("said")));
}

TEST(Length, NothingIsShorterThanAStep) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  EXPECT_EQ(
      trained(configuration(store, folder / "run", std::string(kSteps) + "length = 0.01\n"), folder / "run")
          .step,
      2);
  EXPECT_THROW(check_configuration(parsed(configuration(store, folder / "run", "length = 0.0\n"))), Error);
}

TEST(Plan, TakesTheTimeThatIsGiven) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  const std::string text = configuration(store, folder / "run", kSteps);
  const Plan plan = plan_run(parsed(text), 2.0, torch::kCPU);
  ASSERT_EQ(plan.stages.size(), 2U);
  EXPECT_EQ(plan.stages[0].name, "autoencoder");
  EXPECT_EQ(plan.stages[1].name, "diffusion");
  EXPECT_NEAR(plan.minutes, 0.95 * 2.0, 1e-6);
  double steps = 0.0, seconds = 0.0;
  for (const Plan::Stage& stage : plan.stages) {
    EXPECT_GT(stage.step_seconds, 0.0);
    steps += static_cast<double>(stage.steps);
    seconds += static_cast<double>(stage.steps) * stage.step_seconds;
  }
  EXPECT_NEAR(steps, 12.0 * plan.length, 1.0);
  EXPECT_LE(seconds, 0.95 * 120.0 + plan.stages[0].step_seconds);
  EXPECT_GE(seconds, 0.5 * 0.95 * 120.0);  // four validations and six checkpoints take far less than a minute
  EXPECT_FALSE(fs::exists(folder / "run" / "plan"));
  EXPECT_FALSE(has_checkpoints(folder / "run"));
}

TEST(Plan, TakesALengthThatIsThereForTheStart) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  const auto planned = [&](const std::string& more) {
    const Plan plan =
        plan_run(parsed(configuration(store, folder / "run", std::string(kSteps) + more)), 2.0, torch::kCPU);
    return 12.0 * plan.length * plan.stages[0].step_seconds;
  };
  // The same seconds of training, whatever the length was: measured twice, so that a busy machine may differ.
  EXPECT_NEAR(planned("length = 50.0\n") / planned(""), 1.0, 0.5);
}

TEST(Plan, ATimeThatValidationsAloneTakeIsRefused) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  EXPECT_THAT(
      [&] { (void)plan_run(parsed(configuration(store, folder / "run", kSteps)), 1e-6, torch::kCPU); },
      ThrowsMessage<TrainingError>(HasSubstr("validate_every")));
}

}  // namespace
}  // namespace partita::training
