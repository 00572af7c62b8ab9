#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "fixtures.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/codec/codec.hpp"
#include "partita/decomposition/model.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;
using fixtures::configuration;
using fixtures::Folder;
using fixtures::parsed;
using fixtures::replaced;
using fixtures::without_draws;
using fixtures::without_norm;

void train(const std::string& text, bool resume = false) {
  Progress silent;
  train_decomposition(parsed(text), resume, torch::kCPU, silent);
}

/// step and loss of each row of a log, as text: equal text is equal losses to nine digits.
std::vector<std::string> losses(const fs::path& run) {
  std::istringstream in(io::read_file(run / "log.csv"));
  std::vector<std::string> rows;
  for (std::string line; std::getline(in, line);) {
    std::size_t end = 0;
    for (int comma = 0; comma < 5; ++comma) end = line.find(',', end) + 1;
    rows.push_back(line.substr(0, end));
  }
  return rows;
}

/// The last column of each row of a log: the share of the time that reading took.
std::vector<double> reading(const fs::path& run) {
  std::istringstream in(io::read_file(run / "log.csv"));
  std::vector<double> shares;
  std::string line;
  std::getline(in, line);
  EXPECT_THAT(line, ::testing::EndsWith(",reading"));
  while (std::getline(in, line)) shares.push_back(std::stod(line.substr(line.rfind(',') + 1)));
  return shares;
}

double loss_of_row(const fs::path& run, std::size_t row) {
  std::istringstream in(losses(run).at(row));
  std::string step, stage, loss;
  std::getline(in, step, ',');
  std::getline(in, stage, ',');
  std::getline(in, loss, ',');
  return std::stod(loss);
}

void expect_same_state(const fs::path& one, const fs::path& two) {
  const Checkpoint a = *newest_checkpoint(one);
  const Checkpoint b = *newest_checkpoint(two);
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.stage_step, b.stage_step);
  ASSERT_EQ(a.state.size(), b.state.size());
  for (const auto& [name, tensor] : a.state) {
    ASSERT_TRUE(b.state.contains(name)) << name;
    EXPECT_TRUE(torch::equal(tensor, b.state.at(name))) << name;
  }
  EXPECT_EQ(losses(one), losses(two));
}

constexpr const char* kSixSteps = "autoencoder_steps = 3\ndiffusion_steps = 3\nvalidate_every = 2\n";

/// Trains six steps at once, and six of which those after `stop` are lost and trained again.
void expect_resume_is_exact(std::int64_t stop) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  train(configuration(store, folder / "straight", std::string(kSixSteps) + "checkpoint_every = 100\n"));
  const std::string stopped =
      configuration(store, folder / "resumed", fmt::format("{}checkpoint_every = {}\n", kSixSteps, stop));
  train(stopped);
  // Keep the checkpoint of step `stop` alone: a run killed later than that.
  for (const auto& entry : fs::directory_iterator(folder / "resumed" / "checkpoints")) {
    if (entry.path().filename() != fmt::format("step-{:08}", stop)) fs::remove_all(entry.path());
  }
  train(stopped, true);
  expect_same_state(folder / "straight", folder / "resumed");
}

TEST(Training, ResumeIsExactAfterEveryStep) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  train(configuration(store, folder / "straight", kSixSteps));
  for (int step = 0; step < 6; ++step) {
    train(configuration(store, folder / "stepwise", std::string(kSixSteps) + "minutes = 1e-9\n"), step > 0);
  }
  expect_same_state(folder / "straight", folder / "stepwise");
}

// checkpoint_every = 4 leaves steps 4 and 6.
TEST(Training, ResumeIsExactWithinTheSecondStage) { expect_resume_is_exact(4); }

// checkpoint_every = 3 leaves steps 3 (the border) and 6.
TEST(Training, ResumeIsExactAtTheBorderOfStages) { expect_resume_is_exact(3); }

TEST(Training, InterruptWritesACheckpointAndResumeIsExact) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  train(configuration(store, folder / "straight", kSixSteps));
  const std::string text = configuration(store, folder / "stopped", kSixSteps);
  request_interrupt();
  EXPECT_THROW(train(text), Interrupted);
  request_interrupt(false);
  ASSERT_TRUE(newest_checkpoint(folder / "stopped").has_value());
  EXPECT_EQ(newest_checkpoint(folder / "stopped")->step, 1);
  train(text, true);
  expect_same_state(folder / "straight", folder / "stopped");
}

TEST(Training, TimeLimitEndsNormallyAndResumes) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  const fs::path run = folder / "run";
  train(configuration(store, run, std::string(kSixSteps) + "minutes = 1e-9\n"));
  EXPECT_EQ(newest_checkpoint(run)->step, 1);
  train(configuration(store, run, std::string(kSixSteps) + "minutes = 1e-9\n"), true);
  EXPECT_EQ(newest_checkpoint(run)->step, 2);
  train(configuration(store, run, kSixSteps), true);
  EXPECT_EQ(newest_checkpoint(run)->step, 6);
  train(configuration(store, run, kSixSteps), true);  // nothing left to do
  EXPECT_EQ(newest_checkpoint(run)->step, 6);
}

TEST(Training, AnExistingRunIsNotTrainedOver) {
  const Folder folder;
  const std::string text = configuration(fixtures::write_store(folder), folder / "run", kSixSteps);
  train(text);
  EXPECT_THROW(train(text), TrainingError);
}

TEST(Training, ChangedConfigurationIsRefusedByKey) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  train(configuration(store, folder / "run", kSixSteps));
  try {
    train(configuration(store, folder / "run", std::string(kSixSteps) + "beta2 = 0.99\n"), true);
    FAIL() << "a changed beta2 was accepted";
  } catch (const TrainingError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("training.beta2"));
  }
}

TEST(Training, OtherDataAreRefused) {
  const Folder folder;
  const std::string text = configuration(fixtures::write_store(folder), folder / "run", kSixSteps);
  train(text);
  fs::remove_all(folder / "store");
  fixtures::write_store(folder, fixtures::random_latents(9, 1));
  EXPECT_THROW(train(text, true), TrainingError);
}

TEST(Training, UnknownKeysAndBadValuesAreRefused) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  EXPECT_THROW(train(configuration(store, folder / "run", "learning_rat = 1.0\n")), io::IoError);
  EXPECT_THROW(train(configuration(store, folder / "run", "beta2 = 1.0\n")), io::IoError);
  EXPECT_THROW(train(configuration(store, folder / "run", "diffusion_steps = 0\n")), io::IoError);
  EXPECT_FALSE(fs::exists(folder / "run"));
}

TEST(Training, DataThatAreNotFiniteAreNamedAndNothingIsSaved) {
  const Folder folder;
  torch::Tensor latents = fixtures::random_latents(10, 1);
  latents[6].fill_(std::numeric_limits<float>::quiet_NaN());
  const fs::path store = fixtures::write_store(folder, latents);
  try {
    train(configuration(store, folder / "run", kSixSteps));
    FAIL() << "NaN was trained on";
  } catch (const TrainingError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("clip 6"));
  }
  EXPECT_FALSE(has_checkpoints(folder / "run"));
}

TEST(Training, OverfitsAFewClips) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder, fixtures::random_latents(2, 3) * 2.0);
  std::string text = configuration(store, folder / "run", "autoencoder_steps = 100\nema_decay = 0.0\n");
  text.replace(text.find("ema_decay = 0.9\n"), 16, "diffusion_steps = 0\n");
  text.replace(text.find("learning_rate = 1e-3"), 20, "learning_rate = 1e-2");
  text.replace(text.find("p_drop = 0.2"), 12, "p_drop = 0.0");
  train(text);
  EXPECT_LT(loss_of_row(folder / "run", 100), 0.5 * loss_of_row(folder / "run", 1));
  const std::vector<double> shares = reading(folder / "run");
  EXPECT_EQ(shares.size(), 100U);
  EXPECT_THAT(shares, ::testing::Each(::testing::AllOf(::testing::Gt(0.0), ::testing::Lt(1.0))));
}

TEST(Training, ExportLoadsStrictly) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  train(configuration(store, folder / "run", std::string(kSixSteps) + "name = \"tiny\"\n"));
  export_run(folder / "run", folder / "model", Pick::Newest);
  const io::ModelFolder exported(folder / "model");
  EXPECT_EQ(exported.kind(), "decomposition");
  EXPECT_EQ(exported.name(), "tiny");
  EXPECT_EQ(exported.card().get<std::string>("codec"), "mel");
  EXPECT_EQ(exported.card().get<std::vector<std::string>>("components"),
            (std::vector<std::string>{"component-1", "component-2"}));
  EXPECT_EQ(exported.card().table("training").get<std::int64_t>("steps"), 6);
  EXPECT_GT(exported.card().table("metrics").get<double>("loss"), 0.0);
  decomposition::DecompositionModel model(decomposition::model_options(exported.card()));
  EXPECT_FALSE(model->options().autoencoder);
  io::load_state(*model, exported.weights().tensors(), "exported model");
  const io::TensorMap averaged = io::select(newest_checkpoint(folder / "run")->state, "ema");
  for (const auto& item : model->named_parameters()) {
    EXPECT_TRUE(torch::allclose(item.value(), averaged.at(item.key()), 1e-3, 1e-6)) << item.key();
  }
}

TEST(Training, TheBestValidationOfTheLastStageIsKeptAndExported) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  // A rate so high that the loss rises after a while.
  std::string text = configuration(store, folder / "run",
                                   "autoencoder_steps = 12\ndiffusion_steps = 0\nvalidate_every = 1\n"
                                   "final_learning_rate = 0.5\n");
  text.replace(text.find("ema_decay = 0.9"), 15, "ema_decay = 0.0");
  train(text);
  std::istringstream rows(io::read_file(folder / "run" / "validation.csv"));
  std::int64_t best_step = 0;
  double best = std::numeric_limits<double>::infinity();
  std::string line;
  std::getline(rows, line);
  while (std::getline(rows, line)) {
    const double loss = std::stod(line.substr(line.rfind(',') + 1));
    if (loss < best) {
      best = loss;
      best_step = std::stoll(line);
    }
  }
  ASSERT_LT(best_step, 12);
  const Checkpoint kept = *newest_checkpoint(best_folder(folder / "run"));
  EXPECT_EQ(kept.step, best_step);
  EXPECT_NEAR(kept.best_score, -best, 1e-6);
  export_run(folder / "run", folder / "best");
  const io::ModelFolder exported(folder / "best");
  EXPECT_EQ(exported.card().table("training").get<std::int64_t>("steps"), best_step);
  EXPECT_NEAR(exported.card().table("metrics").get<double>("loss"), best, 1e-2 * best);  // half precision
}

io::TensorMap trained_state(const fs::path& run) { return newest_checkpoint(run)->state; }

TEST(Training, AccumulatedGradientsAreThoseOfTheWholeBatch) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  for (const char* passes : {"1", "4"}) {
    const std::string text =
        configuration(store, folder / passes, fmt::format("{}accumulate = {}\n", kSixSteps, passes));
    train(without_norm(without_draws(text)));
  }
  const io::TensorMap whole = trained_state(folder / "1");
  for (const auto& [name, tensor] : trained_state(folder / "4"))
    EXPECT_LE((tensor - whole.at(name)).abs().max().item<double>(), 1e-5) << name;
  EXPECT_THROW(train(configuration(store, folder / "3", std::string(kSixSteps) + "accumulate = 3\n")),
               TrainingError);
}

TEST(Training, PatienceEndsAStageAndResumeKnowsIt) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  // A rate so high that no validation is better than the first few.
  std::string text = configuration(store, folder / "run",
                                   "autoencoder_steps = 60\ndiffusion_steps = 2\nvalidate_every = 1\n"
                                   "patience = 3\nfinal_learning_rate = 0.5\n");
  text = replaced(text, "learning_rate = 1e-3", "learning_rate = 0.5");
  train(replaced(text, "ema_decay = 0.9", "ema_decay = 0.0"));
  const Checkpoint last = *newest_checkpoint(folder / "run");
  EXPECT_EQ(last.stage, "diffusion");
  EXPECT_LT(last.step, 40);
  // Stopped after every step, it ends at the same one.
  text = replaced(replaced(text, "ema_decay = 0.9", "ema_decay = 0.0"), (folder / "run").string(),
                  (folder / "stepwise").string());
  for (int step = 0; step < 62; ++step)
    train(replaced(text, "patience = 3", "patience = 3\nminutes = 1e-9"), step > 0);
  expect_same_state(folder / "run", folder / "stepwise");
}

TEST(Training, Bfloat16StaysNearFloat32) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  train(configuration(store, folder / "float32", kSixSteps));
  train(configuration(store, folder / "bfloat16", std::string(kSixSteps) + "precision = \"bfloat16\"\n"));
  for (std::size_t row = 1; row <= 6; ++row) {
    const double exact = loss_of_row(folder / "float32", row);
    const double rough = loss_of_row(folder / "bfloat16", row);
    EXPECT_NE(exact, rough);
    EXPECT_NEAR(rough, exact, 0.03 * exact);
  }
  for (const auto& [name, tensor] : trained_state(folder / "bfloat16"))
    EXPECT_EQ(tensor.scalar_type(), torch::kFloat32) << name;
  EXPECT_THROW(train(configuration(store, folder / "half", "precision = \"float16\"\n")), io::IoError);
}

TEST(Training, EpochsAreStepsOverWholeBatches) {
  const Folder folder;
  train(configuration(fixtures::write_store(folder), folder / "run", "diffusion_epochs = 2.5\n"));
  EXPECT_EQ(newest_checkpoint(folder / "run")->step, 5);  // ten clips, batches of four: two steps an epoch
  EXPECT_THROW(
      train(configuration(folder / "store", folder / "both", "diffusion_epochs = 1\ndiffusion_steps = 1\n")),
      io::IoError);
}

TEST(Training, TheFusedOptimizerTrainsAsThePlainOne) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  for (const char* fused : {"true", "false"})
    train(
        without_norm(configuration(store, folder / fused, fmt::format("{}fused = {}\n", kSixSteps, fused))));
  const io::TensorMap plain = trained_state(folder / "false");
  for (const auto& [name, tensor] : trained_state(folder / "true"))
    EXPECT_LE((tensor - plain.at(name)).abs().max().item<double>(), 1e-5) << name;
}

/// On a CPU as far as it goes there: inputs in fixed places, gradients that stay where they are.
TEST(Training, AGraphOfTheStepTrainsTheSameInBothStages) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  const std::string passes = std::string(kSixSteps) + "accumulate = 2\n";
  train(configuration(store, folder / "plain", passes));
  train(configuration(store, folder / "graph", passes + "cuda_graph = true\n"));
  expect_same_state(folder / "plain", folder / "graph");
  train(configuration(store, folder / "plain", passes + "cuda_graph = true\n"), true);  // may be changed
}

TEST(Training, AutoencoderAloneIsExportedAsSuch) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  train(configuration(store, folder / "run", "autoencoder_steps = 2\ndiffusion_steps = 0\n"));
  const io::ModelFolder exported(folder / "run" / "model");
  EXPECT_TRUE(decomposition::model_options(exported.card()).autoencoder);
}

/// A store with stems and audio of the mel codec: a low tone and a high one.
fs::path write_labelled_store(const Folder& folder) {
  const std::shared_ptr<codec::Codec> mel = codec::make_codec("mel");
  const torch::Tensor time = torch::arange(24000, torch::kFloat64) / 24000.0;
  const auto tone = [&](double hertz) {
    return (0.3 * torch::sin(2.0 * M_PI * hertz * time)).to(torch::kFloat32);
  };
  std::vector<torch::Tensor> clips;
  for (const double shift : {1.0, 1.1, 1.2})
    clips.push_back(torch::stack({tone(110.0 * shift), tone(3000.0 * shift)}));
  const torch::Tensor sources = torch::stack(clips);
  const torch::Tensor mixture = sources.mean(1);
  const torch::Tensor latents = mel->encode(mixture.unsqueeze(1));
  const torch::Tensor parts =
      mel->encode(sources.flatten(0, 1).unsqueeze(1)).reshape({3, 2, latents.size(1), latents.size(2)});
  data::StoreInfo info;
  info.codec = "mel";
  info.sample_rate = 24000;
  info.latent_dim = latents.size(1);
  info.clip_frames = latents.size(2);
  info.sources = {"bass", "drums"};
  data::StoreWriter writer(folder / "labelled", info);
  writer.add("train", latents, parts, {}, {});
  writer.add("validation", latents, parts, mixture, sources);
  writer.finish();
  return folder / "labelled";
}

TEST(Training, ValidatesSeparationAndNamesComponents) {
  const Folder folder;
  std::string text = configuration(write_labelled_store(folder), folder / "run", kSixSteps);
  text.replace(text.find("in_dim = 8"), 10, "in_dim = 128");
  text.replace(text.find("channels = [8, 16, 32]"), 22, "channels = [128, 16, 32]");
  train(text);
  EXPECT_THAT(io::read_file(folder / "run" / "validation.csv"),
              ::testing::StartsWith("step,stage,loss,si_sdr,si_sdr_bass,si_sdr_drums\n2,autoencoder,"));
  const io::ModelFolder exported(folder / "run" / "model");
  EXPECT_THAT(exported.card().get<std::vector<std::string>>("components"),
              ::testing::UnorderedElementsAre("bass", "drums"));
  EXPECT_TRUE(std::isfinite(exported.card().table("metrics").get<double>("si_sdr")));
}

TEST(Training, ModelsThatDoNotFitTheStoreAreRefused) {
  const Folder folder;
  const fs::path store = fixtures::write_store(folder);
  std::string wide = configuration(store, folder / "run", kSixSteps);
  wide.replace(wide.find("in_dim = 8"), 10, "in_dim = 12");
  wide.replace(wide.find("channels = [8, 16, 32]"), 22, "channels = [12, 16, 32]");
  EXPECT_THROW(train(wide), TrainingError);
  std::string crop = configuration(store, folder / "run", kSixSteps);
  crop.replace(crop.find("crop_frames = 16"), 16, "crop_frames = 18");
  EXPECT_THROW(train(crop), TrainingError);
  crop.replace(crop.find("crop_frames = 18"), 16, "crop_frames = 32");
  EXPECT_THROW(train(crop), TrainingError);
}

}  // namespace
}  // namespace partita::training
