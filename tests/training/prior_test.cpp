#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures.hpp"
#include "partita/decomposition/separator.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/recomposition/recomposer.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/optimizer.hpp"
#include "partita/training/trainer.hpp"
#include "support/tiny_prior.hpp"

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

TEST_F(PriorTraining, AGraphOfTheStepTrainsTheSame) {
  train(configuration("plain", ""));
  train(configuration("graph", "cuda_graph = true\n"));
  const io::TensorMap plain = newest_checkpoint(folder / "plain")->state;
  const io::TensorMap graph = newest_checkpoint(folder / "graph")->state;
  ASSERT_EQ(plain.size(), graph.size());
  for (const auto& [name, tensor] : graph) EXPECT_TRUE(torch::equal(tensor, plain.at(name))) << name;
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

/// Two components that are always the same: given one, the other is known, given none, neither is.
TEST(PriorLearning, LearnsWhatOneComponentSaysOfTheOther) {
  torch::manual_seed(5);
  recomposition::Prior prior(recomposition::tiny_prior_options(), recomposition::LatentForm{2, 1, {}});
  AdamW optimizer(*prior, {});
  const std::vector<recomposition::Mask> masks = recomposition::masks(2);
  const auto loss_of = [&](const recomposition::Mask& mask) {
    const torch::Tensor z = torch::randn({16, 1, 1, 16}).expand({16, 2, 1, 16});
    const torch::Tensor made = torch::tensor(std::vector<float>(mask.begin(), mask.end())).expand({16, 2});
    return prior_loss(prior, z, torch::randn({16, 2, 1, 16}), torch::rand({16}), made);
  };
  for (std::size_t step = 0; step < 600; ++step) {
    optimizer.zero_grad();
    loss_of(masks[step % masks.size()]).backward();
    optimizer.step(3e-3);
  }
  const torch::NoGradGuard no_grad;
  const auto mean_loss = [&](const recomposition::Mask& mask) {
    double sum = 0.0;
    for (int i = 0; i < 20; ++i) sum += loss_of(mask).item<double>() / 20.0;
    return sum;
  };
  // Of a kept component there is nothing to lose: without a word of the other it would be a half.
  const double none = mean_loss(masks[2]);
  EXPECT_LT(mean_loss(masks[0]), 0.25 * none);
  EXPECT_LT(mean_loss(masks[1]), 0.25 * none);
}

}  // namespace
}  // namespace partita::training
