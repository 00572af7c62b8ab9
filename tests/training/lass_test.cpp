#include "partita/baselines/lass.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;
using fixtures::Folder;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::int64_t kClipFrames = 24;

/// Two sources in 8 channels, `[clip, source, channel, frame]`: the first sounds in every fourth frame in all
/// channels, the second is one of three chords, held.
torch::Tensor sources(std::int64_t clips, std::uint64_t seed) {
  torch::Tensor all = torch::zeros({clips, 2, 8, kClipFrames});
  const torch::Tensor chord = torch::randint(3, {clips}, make_generator(seed, "chords"), torch::kLong);
  for (std::int64_t i = 0; i < clips; ++i) {
    all[i][0].slice(1, 0, kClipFrames, 4).fill_(1.0);
    all[i][1].narrow(0, 2 * chord[i].item<std::int64_t>(), 2).fill_(1.0);
  }
  return all;
}

fs::path write_stems(const Folder& folder, const std::vector<std::string>& names = {"drums", "bass"}) {
  data::StoreInfo info{"mel", 24000, 8, kClipFrames, names, 0};
  data::StoreWriter writer(folder / "store", info);
  const auto add = [&](const char* split, std::int64_t clips, std::uint64_t seed) {
    torch::Tensor parts = sources(clips, seed);
    if (names.size() == 3) parts = torch::cat({parts, parts.narrow(1, 0, 1)}, 1);
    // Compressed by an exponent of 0.5: powers add.
    writer.add(split, parts.pow(4.0).sum(1).pow(0.25), parts, {}, {});
  };
  add("train", 12, 1);
  add("validation", 4, 2);
  writer.finish();
  return folder / "store";
}

std::string configuration(const fs::path& store, const fs::path& output, const std::string& training,
                          const std::string& more = {}) {
  return fmt::format(R"([data]
store = "{}"
[training]
output = "{}"
name = "tiny-lass"
batch_size = 4
crop_frames = 16
log_every = 1
learning_rate = 3e-3
final_learning_rate = 3e-3
seed = 3
{}
[vqvae]
in_dim = 8
bands = 4
frames = 4
channels = 16
blocks = 1
codes = 16
dimension = 4
[prior]
channels = 16
heads = 2
layers = 1
[lass]
pairs = 40
[sampling]
candidates = 4
{}
)",
                     store.string(), output.string(), training, more);
}

void train(const std::string& text, bool resume = false) {
  Progress silent;
  train_lass(fixtures::parsed(text), resume, torch::kCPU, silent);
}

TEST(LassTraining, ResumedEqualsNeverStoppedInBothStages) {
  const Folder folder;
  const fs::path store = write_stems(folder);
  const auto text = [&](const char* run, int vqvae, int priors) {
    return configuration(store, folder / run,
                         fmt::format("vqvae_steps = {}\nprior_steps = {}", vqvae, priors));
  };
  train(text("straight", 3, 3));
  train(text("resumed", 3, 1));
  train(text("resumed", 3, 3), true);
  const auto straight = newest_checkpoint(folder / "straight"),
             resumed = newest_checkpoint(folder / "resumed");
  ASSERT_TRUE(straight && resumed);
  ASSERT_EQ(resumed->step, 6);
  for (const auto& [name, tensor] : straight->state)
    EXPECT_TRUE(torch::equal(tensor, resumed->state.at(name))) << name;
}

TEST(LassTraining, TheCodesAreFixedWhileThePriorsLearn) {
  const Folder folder;
  const fs::path store = write_stems(folder);
  train(configuration(store, folder / "run", "vqvae_steps = 2\nprior_steps = 2\ncheckpoint_every = 2"));
  const io::TensorMap end = newest_checkpoint(folder / "run")->state;
  const fs::path earlier = folder / "run/checkpoints/step-00000002/state.safetensors";
  const io::SafetensorsFile begin(earlier);
  int moved = 0;
  for (const auto& [name, tensor] : io::select(end, "model")) {
    const bool same = torch::equal(tensor, begin.tensor("model." + name));
    EXPECT_TRUE(same || !name.starts_with("vqvae.")) << name;
    moved += name.starts_with("priors.") && !same ? 1 : 0;
  }
  EXPECT_GT(moved, 10);
}

/// The mean squared error of what is separated, and of the mixture's halves.
TEST(LassTraining, LearnsToTakeTwoSourcesApart) {
  const Folder folder;
  train(configuration(write_stems(folder), folder / "run", "vqvae_steps = 250\nprior_steps = 150"));
  const io::ModelFolder model(folder / "run/model");
  EXPECT_EQ(model.kind(), "lass");
  baselines::LassNetworks networks(baselines::lass_options(model.card(), 16));
  io::load_state(*networks, model.weights().tensors(), "model");
  networks->eval();
  baselines::SumLikelihood sums(16);
  sums.load(model.weights(baselines::kSumsFile).tensors());
  const auto codec = codec::make_codec("mel@griffin-lim");
  const torch::Tensor truth = sources(6, 5).narrow(3, 0, 16);
  const torch::Tensor mixture = codec->superpose(truth);
  std::vector<torch::Generator> generators;
  for (std::uint64_t i = 0; i < 6; ++i) generators.push_back(make_generator(1, "test", i));
  const torch::Tensor found = baselines::lass_components(networks, sums, *codec, mixture, generators);
  const double error = (found - truth).square().mean().item<double>();
  const double halves = (mixture.unsqueeze(1) * std::pow(0.5, 0.25) - truth).square().mean().item<double>();
  EXPECT_LT(error, 0.25 * halves) << halves;
}

TEST(LassTraining, RefusesWhatItCannotLearnFrom) {
  const auto refused = [](const std::string& text, const char* what) {
    EXPECT_THAT([&] { train(text); }, ThrowsMessage<Error>(HasSubstr(what)));
  };
  const Folder folder;
  const fs::path store = write_stems(folder);
  refused(configuration(store, folder / "run", "ema_decay = 0.9"), "ema_decay");
  refused(configuration(store, folder / "run", "accumulate = 2"), "accumulate");
  refused(configuration(store, folder / "run", "cuda_graph = true"), "cuda_graph");
  refused(configuration(store, folder / "run", "precision = \"bfloat16\""), "float32");
  refused(configuration(store, folder / "run", "vqvae_steps = 0"), "vqvae_steps");
  refused(configuration(store, folder / "run", "", "unknown = 1"), "unknown");
  refused(fixtures::replaced(configuration(store, folder / "run", ""), "in_dim = 8", "in_dim = 12"),
          "8 channels");
  refused("[data]\nstore = \"x\"", "[vqvae]");
  const Folder other;
  refused(configuration(fixtures::write_store(other), other / "run", ""), "2 sources");
}

TEST(LassTraining, RefusesThreeSources) {
  const Folder folder;
  const fs::path store = write_stems(folder, {"drums", "bass", "piano"});
  EXPECT_THAT([&] { train(configuration(store, folder / "run", "")); },
              ThrowsMessage<TrainingError>(HasSubstr("this one has 3")));
}

}  // namespace
}  // namespace partita::training
