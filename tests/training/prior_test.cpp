#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "fixtures.hpp"
#include "partita/decomposition/separator.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/recomposition/recomposer.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;
using fixtures::Folder;
using fixtures::parsed;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

void train(const std::string& text, bool resume = false) {
  Progress silent;
  train_prior(parsed(text), resume, torch::kCPU, silent);
}

/// Figures of the last validation by their names.
double last_figure(const fs::path& run, const std::string& name) {
  std::istringstream text(io::read_file(run / "validation.csv"));
  std::string line, last, cell;
  std::getline(text, line);
  std::istringstream heads(line);
  std::size_t column = 0;
  while (std::getline(heads, cell, ',') && cell != name) ++column;
  EXPECT_EQ(cell, name);
  while (std::getline(text, line)) last = line;
  std::istringstream row(last);
  for (std::size_t i = 0; i <= column; ++i) std::getline(row, cell, ',');
  return std::stod(cell);
}

class PriorTraining : public testing::Test {
 protected:
  fs::path decomposition(const fs::path& data) {
    Progress silent;
    train_decomposition(parsed(fixtures::configuration(data, folder / "decomposition",
                                                       "autoencoder_steps = 2\ndiffusion_steps = 0\n")),
                        false, torch::kCPU, silent);
    return folder / "decomposition" / "model";
  }
  [[nodiscard]] std::string configuration(const std::string& run, const std::string& training,
                                          const std::string& steps = "6") const {
    return fixtures::prior_configuration(
        store, model, folder / run,
        "learning_rate = 1e-3\nfinal_learning_rate = 1e-3\nprior_steps = " + steps + "\n" + training,
        "p_mask = 0.5\n");
  }

  Folder folder;
  fs::path store = fixtures::write_store(folder);
  fs::path model = decomposition(store);
};

TEST_F(PriorTraining, ResumesBitForBit) {
  train(configuration("straight", "checkpoint_every = 100\n"));
  // A longer stage has the same rate, since it is constant.
  train(configuration("stopped", "checkpoint_every = 2\n", "3"));
  train(configuration("stopped", "checkpoint_every = 2\n"), true);
  const auto a = newest_checkpoint(folder / "straight"), b = newest_checkpoint(folder / "stopped");
  ASSERT_TRUE(a && b);
  ASSERT_EQ(a->state.size(), b->state.size());
  for (const auto& [name, tensor] : a->state) EXPECT_TRUE(torch::equal(tensor, b->state.at(name))) << name;
}

TEST_F(PriorTraining, AddsThePriorToTheDecomposition) {
  train(configuration("run", ""));
  const io::ModelFolder made(folder / "run" / "model");
  EXPECT_EQ(made.kind(), "decomposition");
  EXPECT_EQ(made.name(), "with-prior");
  const io::ModelFolder before(model);
  EXPECT_EQ(io::read_file(made.path() / "model.safetensors"),
            io::read_file(before.path() / "model.safetensors"));
  EXPECT_NO_THROW(io::state_of(*decomposition::load_model(made, torch::kCPU)));
  const io::Config card = made.card().table("prior");
  EXPECT_DOUBLE_EQ(card.table("training").get<double>("p_mask"), 0.5);
  for (const char* figure :
       {"loss", "loss_component-1", "loss_component-2", "loss_component-1_component-2"}) {
    EXPECT_TRUE(card.table("metrics").has(figure)) << figure;
  }
  const torch::Tensor mean = made.weights(decomposition::kPriorFile).tensors().at("mean");
  EXPECT_GT(mean.abs().max().item<float>(), 0.0F) << "the latents' statistics";
}

TEST_F(PriorTraining, RefusesWhatDoesNotFit) {
  EXPECT_THAT([&] { train(fixtures::replaced(configuration("a", ""), "p_mask = 0.5", "p_mask = 1.5")); },
              ThrowsMessage<io::IoError>(HasSubstr("p_mask")));
  EXPECT_THAT(
      [&] { train(fixtures::replaced(configuration("b", ""), "crop_frames = 16", "crop_frames = 18")); },
      ThrowsMessage<TrainingError>(HasSubstr("multiple of 4")));
  EXPECT_THAT([&] { train(fixtures::replaced(configuration("c", ""), "tcond_dim = 2", "tcond_dim = 3")); },
              ThrowsMessage<recomposition::RecompositionError>(HasSubstr("tcond_dim")));
  EXPECT_THROW(train(configuration("d", "mystery = 1\n")), io::IoError);
}

/// Clips that rise and fall together in all channels tell E's components the same, so one says what the other
/// is: given one, the prior must do far better than given none.
TEST_F(PriorTraining, LearnsWhatOneComponentSaysOfTheOther) {
  const auto waves = [](std::int64_t clips, std::uint64_t seed) {
    const torch::Tensor levels = torch::rand({clips, 1, 1}, make_generator(seed, "levels")) * 4.0;
    return levels.expand({clips, fixtures::kChannels, fixtures::kFrames}).contiguous();
  };
  data::StoreInfo info{"mel", 24000, fixtures::kChannels, fixtures::kFrames, {}, 0};
  data::StoreWriter writer(folder / "waves", info);
  writer.add("train", waves(64, 1), {}, {}, {});
  writer.add("validation", waves(32, 2), {}, {}, {});
  writer.finish();
  store = folder / "waves";
  train(configuration("run", "validation_clips = 32\n", "300"));
  const double none = last_figure(folder / "run", "loss_component-1_component-2");
  EXPECT_LT(last_figure(folder / "run", "loss_component-1"), 0.5 * none);
  EXPECT_LT(last_figure(folder / "run", "loss_component-2"), 0.5 * none);
}

}  // namespace
}  // namespace partita::training
