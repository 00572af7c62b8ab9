#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures.hpp"
#include "partita/decomposition/separator.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;
using fixtures::Folder;
using fixtures::parsed;

/// A decomposition of two components, trained for two steps.
fs::path decomposition(const Folder& folder, const fs::path& store) {
  Progress silent;
  train_decomposition(parsed(fixtures::configuration(store, folder / "decomposition",
                                                     "autoencoder_steps = 2\ndiffusion_steps = 0\n")),
                      false, torch::kCPU, silent);
  return folder / "decomposition" / "model";
}

std::string remix_configuration(const fs::path& store, const fs::path& model, const fs::path& output,
                                const std::string& training = {}, int rounds = 3) {
  return fmt::format(R"([data]
store = "{}"

[training]
output = "{}"
name = "refined"
batch_size = 3
crop_frames = 16
log_every = 1
validate_every = 2
learning_rate = 1e-2
ema_decay = 0.9
seed = 3
{}

[remix]
decomposition = "{}"
rounds = {}
round_steps = 3
gain = 1.5

[masks]
channels = 8
dilations = [1, 2]
)",
                     store.string(), output.string(), training, model.string(), rounds);
}

void train(const std::string& text, bool resume = false) {
  Progress silent;
  train_masks(parsed(text), resume, torch::kCPU, silent);
}

void expect_equal(const io::TensorMap& a, const io::TensorMap& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
}

class Remix : public testing::Test {
 protected:
  Folder folder;
  fs::path store = fixtures::write_store(folder);
  fs::path model = decomposition(folder, store);
};

/// At the end of a round, at its first step and within one.
class RemixResume : public Remix, public testing::WithParamInterface<std::int64_t> {};

TEST_P(RemixResume, IsExactAcrossRounds) {
  const std::int64_t stop = GetParam();
  train(remix_configuration(store, model, folder / "straight", "checkpoint_every = 100\n"));
  const std::string stopped =
      remix_configuration(store, model, folder / "resumed", fmt::format("checkpoint_every = {}\n", stop));
  train(stopped);
  for (const auto& entry : fs::directory_iterator(folder / "resumed" / "checkpoints")) {
    if (entry.path().filename() != fmt::format("step-{:08}", stop)) fs::remove_all(entry.path());
  }
  train(stopped, true);
  const Checkpoint a = *newest_checkpoint(folder / "straight");
  const Checkpoint b = *newest_checkpoint(folder / "resumed");
  EXPECT_EQ(a.step, 9);
  EXPECT_EQ(b.step, 9);
  EXPECT_EQ(a.best_score, b.best_score);
  expect_equal(a.state, b.state);
}
INSTANTIATE_TEST_SUITE_P(Steps, RemixResume, testing::Values(5, 6, 7));

TEST_F(Remix, AGraphOfTheStepTrainsTheSameOverRounds) {
  train(remix_configuration(store, model, folder / "plain"));
  train(remix_configuration(store, model, folder / "graph", "cuda_graph = true\n"));
  expect_equal(newest_checkpoint(folder / "plain")->state, newest_checkpoint(folder / "graph")->state);
}

TEST_F(Remix, TheStudentOfARoundTeachesTheNext) {
  train(remix_configuration(store, model, folder / "one", "", 1));
  train(remix_configuration(store, model, folder / "two", "", 2));
  const io::TensorMap first = newest_checkpoint(folder / "one")->state;
  const io::TensorMap second = newest_checkpoint(folder / "two")->state;
  expect_equal(io::select(second, "model.teacher"), io::select(first, "model.student"));
  const io::TensorMap moved = io::select(second, "model.student");
  EXPECT_FALSE(torch::equal(moved.at("in.weight"), first.at("model.student.in.weight")));
}

/// Songs without stems, of which validation clips are kept as audio: as `partita prepare --mixtures` has
/// them.
TEST_F(Remix, LearnsFromSongsWithoutStems) {
  data::StoreInfo info{"mel", 24000, fixtures::kChannels, fixtures::kFrames, {}, 0};
  data::StoreWriter writer(folder / "songs", info);
  writer.add("train", fixtures::random_latents(6, 1), {}, {}, {});
  writer.add("validation", fixtures::random_latents(2, 2), {}, torch::randn({2, fixtures::kFrames * 320}),
             {});
  writer.finish();
  train(remix_configuration(folder / "songs", model, folder / "adapted"));
  EXPECT_TRUE(io::ModelFolder(folder / "adapted" / "model").card().has("masks"));
  const std::string figures = io::read_file(folder / "adapted" / "validation.csv");
  EXPECT_THAT(figures, testing::StartsWith("step,stage,loss\n")) << "no SI-SDR without stems";
}

std::string first_loss(const fs::path& run) {
  const std::string log = io::read_file(run / "log.csv");
  return log.substr(log.find("\n1,"), 30);
}

std::string taught_by(const fs::path& teacher) { return fmt::format("teacher = \"{}\"", teacher.string()); }

TEST_F(Remix, AModelsMasksMayTeachFirst) {
  EXPECT_THROW(train(remix_configuration(store, model, folder / "none", taught_by(model))), TrainingError);
  train(remix_configuration(store, model, folder / "first", "", 1));
  const fs::path refined = folder / "first" / "model";
  train(remix_configuration(store, model, folder / "second", taught_by(refined), 1));
  const io::TensorMap taught = newest_checkpoint(folder / "second")->state;
  const io::TensorMap before = io::ModelFolder(refined).weights(decomposition::kMasksFile).tensors();
  // Three steps from there, not from new weights.
  for (const auto& [name, tensor] : io::select(taught, "model.student"))
    EXPECT_LE((tensor - before.at(name)).abs().max().item<double>(), 0.031) << name;
}

TEST_F(Remix, AModelsMasksMayTeachAStudentBuiltOtherwise) {
  train(remix_configuration(store, model, folder / "first", "", 1));
  const fs::path refined = folder / "first" / "model";
  const auto run = [&](const std::string& name, const std::string& training) {
    std::string text = remix_configuration(store, refined, folder / name, training, 1);
    const std::string stack = "channels = 8\ndilations = [1, 2]";
    train(text.replace(text.find(stack), stack.size(), "widths = [8, 8]"));
    return first_loss(folder / name);
  };
  EXPECT_NE(run("masks", taught_by(refined)), run("components", "")) << "the same student, taught by others";
  const io::ModelFolder after(folder / "masks" / "model");
  const decomposition::ModelOptions options = decomposition::model_options(after.card());
  EXPECT_EQ(decomposition::load_masks(after, options, torch::kCPU)->options().widths,
            (std::vector<std::int64_t>{8, 8}));
}

/// Nearer to what the masks find than a model that only has to add up to the mixture.
TEST_F(Remix, MasksMayTeachTheComponentsOfADecomposition) {
  train(remix_configuration(store, model, folder / "first", "", 1));
  const fs::path refined = folder / "first" / "model";
  const auto last_loss = [&](const std::string& run, const std::string& training) {
    Progress silent;
    train_decomposition(parsed(fixtures::configuration(
                            store, folder / run, "autoencoder_steps = 40\ndiffusion_steps = 0\n" + training)),
                        false, torch::kCPU, silent);
    const io::ModelFolder teacher(refined);
    nn::MaskNetwork masks =
        decomposition::load_masks(teacher, decomposition::model_options(teacher.card()), torch::kCPU);
    const auto codec = codec::make_codec("mel", torch::kCPU);
    const torch::Tensor x = fixtures::random_latents(4, 2).narrow(2, 0, 16);
    decomposition::DecompositionModel taught =
        decomposition::load_model(io::ModelFolder(folder / run / "model"), torch::kCPU);
    const torch::Tensor found = decompose(taught, x, {1, false}, make_generator(1, "test"));
    return torch::mse_loss(found, codec->share_out(x, masks->forward(x))).item<double>();
  };
  EXPECT_LT(last_loss("taught", taught_by(refined)), last_loss("alone", ""));
  const auto masks_of = [&](const fs::path& of) {
    return io::ModelFolder(of).weights(decomposition::kMasksFile).tensors();
  };
  expect_equal(masks_of(folder / "taught" / "model"), masks_of(refined));
  EXPECT_FALSE(io::ModelFolder(folder / "alone" / "model").card().has("masks"));
  EXPECT_THROW(last_loss("unknown", taught_by(folder / "nowhere")), io::IoError);
}

/// [parts] of a configuration: component-1 is what the teacher calls `component` in the songs of `where`.
std::string parts_table(const fs::path& teacher, const fs::path& where, const std::string& component) {
  return fmt::format(
      "\n[parts.component-1]\nteacher = \"{0}\"\nstore = \"{1}\"\ncomponent = \"{2}\"\n\n"
      "[parts.component-2]\nteacher = \"{0}\"\n",
      teacher.string(), where.string(), component);
}

TEST_F(Remix, PartsMayComeFromOtherSongs) {
  train(remix_configuration(store, model, folder / "first", "", 1));
  const fs::path refined = folder / "first" / "model";
  const auto run = [&](const std::string& name, const fs::path& where, const std::string& component) {
    train(remix_configuration(store, model, folder / name, "", 1) + parts_table(refined, where, component));
    return first_loss(folder / name);
  };
  train(remix_configuration(store, model, folder / "taught", taught_by(refined), 1));
  EXPECT_EQ(run("same", store, "component-1"), first_loss(folder / "taught")) << "what `teacher` stands for";
  EXPECT_NE(run("other", store, "component-2"), first_loss(folder / "taught"));
  EXPECT_THROW(run("nobody", store, "cello"), TrainingError);
  EXPECT_THROW(run("nowhere", folder / "nowhere", "component-1"), data::DataError);
}

/// Beside a part that is silent in all its songs, all power is the other's.
TEST_F(Remix, EachPartIsThatOfItsOwnSongs) {
  train(remix_configuration(store, model, folder / "first", "", 1));
  const fs::path silent = folder / "silent";
  data::StoreWriter writer(silent, {"mel", 24000, fixtures::kChannels, fixtures::kFrames, {}, 0});
  writer.add("train", torch::zeros({4, fixtures::kChannels, fixtures::kFrames}), {}, {}, {});
  writer.add("validation", torch::zeros({2, fixtures::kChannels, fixtures::kFrames}), {}, {}, {});
  writer.finish();
  std::string text = remix_configuration(store, model, folder / "run", "", 1);
  text.replace(text.find("round_steps = 3"), 15, "round_steps = 60");
  train(text + parts_table(folder / "first" / "model", silent, "component-1"));
  const io::ModelFolder after(folder / "run" / "model");
  nn::MaskNetwork masks =
      decomposition::load_masks(after, decomposition::model_options(after.card()), torch::kCPU);
  const torch::NoGradGuard no_grad;
  const torch::Tensor shares = masks->forward(fixtures::random_latents(4, 9));
  EXPECT_GT(shares.select(1, 1).mean().item<double>(), 0.9);
}

TEST_F(Remix, PartsMustBeThoseOfTheModel) {
  train(remix_configuration(store, model, folder / "first", "", 1));
  const std::string one =
      fmt::format("\n[parts.component-1]\nteacher = \"{}\"\n", (folder / "first" / "model").string());
  const std::string good = remix_configuration(store, model, folder / "run", "", 1);
  EXPECT_THROW(train(good + one), TrainingError) << "component-2 has none";
  EXPECT_THROW(train(good + "\n[parts.component-1]\n[parts.component-2]\n"), io::IoError) << "no teacher";
  EXPECT_THROW(train(good + one + "song = \"x\"\n"), io::IoError);
}

TEST_F(Remix, TheModelFolderHoldsDecompositionAndMasks) {
  train(remix_configuration(store, model, folder / "run"));
  const io::ModelFolder before(model);
  const io::ModelFolder after(folder / "run" / "model");
  EXPECT_EQ(after.name(), "refined");
  EXPECT_EQ(after.kind(), "decomposition");
  expect_equal(after.weights().tensors(), before.weights().tensors());
  const decomposition::ModelOptions options = decomposition::model_options(after.card());
  nn::MaskNetwork masks(decomposition::mask_options(after.card(), options));
  EXPECT_EQ(masks->options().channels, 8);
  io::load_state(*masks, after.weights(decomposition::kMasksFile).tensors(), "masks");
  EXPECT_EQ(after.card().table("masks").table("training").get<std::string>("stage"), "round-3");
  EXPECT_TRUE(after.card().table("masks").table("metrics").has("loss"));
}

/// Of mixtures that are all alike, at equal levels, the shares are the same in every remix: a mask to learn.
TEST(RemixLoss, FallsWithinARound) {
  const Folder folder;
  const fs::path store =
      fixtures::write_store(folder, torch::ones({10, fixtures::kChannels, fixtures::kFrames}));
  std::string text = remix_configuration(store, decomposition(folder, store), folder / "run", "", 1);
  text.replace(text.find("round_steps = 3"), 15, "round_steps = 60");
  text.replace(text.find("gain = 1.5"), 10, "gain = 1.0");
  train(text);
  std::istringstream log(io::read_file(folder / "run" / "log.csv"));
  std::vector<double> losses;
  for (std::string line; std::getline(log, line);) {
    const std::size_t stage = line.find(",round-1,");
    if (stage != std::string::npos) losses.push_back(std::stod(line.substr(stage + 9)));
  }
  ASSERT_EQ(losses.size(), 60U);
  EXPECT_LT(losses.back(), 0.5 * losses.front());
}

TEST_F(Remix, WhatDoesNotFitIsRefused) {
  const std::string good = remix_configuration(store, model, folder / "run");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_THROW(train(changed("rounds = 3", "rounds = 0")), io::IoError);
  EXPECT_THROW(train(changed("gain = 1.5", "gain = 0.5")), io::IoError);
  EXPECT_THROW(train(changed("gain = 1.5", "equalizer = 0.5")), io::IoError);
  EXPECT_THROW(train(changed("gain = 1.5", "transposition = 3.0")), io::IoError);
  EXPECT_THROW(train(changed("gain = 1.5", "autoencoder_steps = 5")), io::IoError);
  EXPECT_THROW(train(changed(model.string(), (folder / "nowhere").string())), io::IoError);
  EXPECT_THROW(train(changed("crop_frames = 16", "crop_frames = 18")), TrainingError);
  EXPECT_FALSE(fs::exists(folder / "run"));
}

}  // namespace
}  // namespace partita::training
