#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "fixtures.hpp"
#include "partita/codec/mel_codec.hpp"
#include "partita/evaluation/ms_stft.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;
using fixtures::chords;
using fixtures::Folder;
using fixtures::vocoder_configuration;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::int64_t kSamples = 16 * 320;

fs::path sounds(const Folder& folder, const torch::Tensor& train = chords(5, kSamples, 1)) {
  fixtures::write_sounds(folder / "store", train, chords(2, kSamples, 2));
  return folder / "store";
}

void train(const std::string& text) {
  Progress silent;
  train_codec(fixtures::parsed(text), false, torch::kCPU, silent);
}

io::TensorMap state_after(const std::string& text, const fs::path& run) {
  train(text);
  return newest_checkpoint(run)->state;
}

void expect_equal(const io::TensorMap& one, const io::TensorMap& other, const std::string& prefix) {
  const io::TensorMap mine = io::select(one, prefix);
  ASSERT_FALSE(mine.empty());
  for (const auto& [name, tensor] : mine)
    EXPECT_TRUE(torch::equal(tensor, other.at(prefix + "." + name))) << name;
}

TEST(VocoderTraining, BringsSoundsBackBetterThanGriffinLim) {
  const Folder folder;
  const torch::Tensor sound = chords(1, 75 * 320, 3);
  fixtures::write_sounds(folder / "store", sound, sound);
  const std::string text = R"([data]
store = "{}"
[training]
output = "{}"
batch_size = 1
crop_frames = 60
learning_rate = 6e-3
final_learning_rate = 1e-4
reconstruction_steps = 800
warmup_steps = 10
gradient_clip = 1.0
ema_decay = 0.9
log_every = 20
seed = 3
[vocoder]
channels = 32
blocks = 2
expansion = 64
)";
  train(fmt::format(fmt::runtime(text), (folder / "store").string(), (folder / "run").string()));
  const auto with = codec::make_codec("mel@" + (folder / "run" / "model").string());
  const auto without = codec::make_codec("mel@griffin-lim");
  const torch::Tensor latents = with->encode(sound.unsqueeze(1));
  const double found = evaluation::ms_stft_distance(with->decode(latents)[0], sound);
  const double griffin_lim = evaluation::ms_stft_distance(without->decode(latents)[0], sound);
  EXPECT_LT(found, 0.9 * griffin_lim) << griffin_lim;
}

TEST(VocoderTraining, ExportsAModelOfKindCodecWithItsFigures) {
  const Folder folder;
  train(vocoder_configuration(sounds(folder), folder / "run", "reconstruction_steps = 2\n"));
  const io::ModelFolder model(folder / "run" / "model");
  EXPECT_EQ(model.name(), "tiny-vocoder");
  EXPECT_EQ(model.kind(), "codec");
  const io::Config metrics = model.card().table("metrics");
  EXPECT_GT(metrics.get<double>("loss"), 0.0);
  EXPECT_DOUBLE_EQ(metrics.get<double>("loss"), metrics.get<double>("ms_stft_mixture"));
  EXPECT_GT(metrics.get<double>("ms_stft_griffin_lim"), 0.0);
  EXPECT_THAT(io::read_file(folder / "run" / "validation.csv"), HasSubstr("ms_stft_griffin_lim"));
  const auto codec = codec::make_codec("mel@" + model.path().string());
  EXPECT_EQ(codec->decode(torch::rand({2, 128, 9}, make_generator(1, "latents"))).sizes().vec(),
            (std::vector<std::int64_t>{2, 1, 9 * 320}));
}

TEST(VocoderTraining, TheReconstructionStageLeavesTheAdversaryAlone) {
  const Folder folder;
  const fs::path store = sounds(folder);
  const auto after = [&](const std::string& name, int steps) {
    return state_after(
        vocoder_configuration(store, folder / name, fmt::format("reconstruction_steps = {}\n", steps)),
        folder / name);
  };
  const io::TensorMap one = after("one", 1), three = after("three", 3);
  expect_equal(one, three, "model.adversary");
  EXPECT_FALSE(
      torch::equal(one.at("model.vocoder.network.out.weight"), three.at("model.vocoder.network.out.weight")));
}

TEST(VocoderTraining, AGraphOfTheStepTrainsTheSameInBothStages) {
  const Folder folder;
  const fs::path store = sounds(folder);
  const auto after = [&](const std::string& name, const std::string& keys) {
    const std::string steps = "reconstruction_steps = 2\nadversarial_steps = 2\n";
    return state_after(vocoder_configuration(store, folder / name, steps + keys), folder / name);
  };
  expect_equal(after("plain", ""), after("graph", "cuda_graph = true\n"), "model");
}

// Adversaries that count for nothing leave the vocoder as if there were none.
TEST(VocoderTraining, TheAdversarysOwnLossDoesNotReachTheVocoder) {
  const Folder folder;
  const fs::path store = sounds(folder);
  const io::TensorMap without = state_after(
      vocoder_configuration(store, folder / "without", "reconstruction_steps = 3\n"), folder / "without");
  const io::TensorMap with = state_after(
      vocoder_configuration(store, folder / "with", "reconstruction_steps = 0\nadversarial_steps = 3\n",
                            "[adversary]\nweight = 0.0\nfeature_weight = 0.0\n"),
      folder / "with");
  expect_equal(without, with, "model.vocoder");
}

// After one step of the same beginning, however much deceiving counts.
TEST(VocoderTraining, TheVocodersLossDoesNotReachTheAdversary) {
  const Folder folder;
  const fs::path store = sounds(folder);
  const auto after = [&](const std::string& name, double weight) {
    return state_after(vocoder_configuration(
                           store, folder / name, "reconstruction_steps = 0\nadversarial_steps = 1\n",
                           fmt::format("[adversary]\nweight = {0:.1f}\nfeature_weight = {0:.1f}\n", weight)),
                       folder / name);
  };
  const io::TensorMap weak = after("weak", 0.0), strong = after("strong", 10.0);
  expect_equal(weak, strong, "model.adversary");
  EXPECT_FALSE(torch::equal(weak.at("optimizer.exp_avg.vocoder.network.out.weight"),
                            strong.at("optimizer.exp_avg.vocoder.network.out.weight")));
}

TEST(VocoderTraining, SilenceIsTrainedOn) {
  const Folder folder;
  train(vocoder_configuration(sounds(folder, torch::zeros({2, kSamples})), folder / "run",
                              "reconstruction_steps = 2\nadversarial_steps = 2\n"));
  const Checkpoint checkpoint = *newest_checkpoint(folder / "run");
  for (const auto& [name, tensor] : checkpoint.state)
    EXPECT_TRUE(torch::isfinite(tensor).all().item<bool>()) << name;
}

TEST(VocoderTraining, SamplesThatAreNotFiniteAreNamed) {
  const Folder folder;
  torch::Tensor bad = chords(2, kSamples, 1);
  bad[1].fill_(std::numeric_limits<float>::quiet_NaN());
  const std::string text =
      vocoder_configuration(sounds(folder, bad), folder / "run", "reconstruction_steps = 2\n");
  EXPECT_THAT([&] { train(text); }, ThrowsMessage<TrainingError>(HasSubstr("training clip 1")));
}

TEST(VocoderTraining, StoresAndCropsThatDoNotFitAreRefused) {
  const Folder folder;
  const auto refused = [&](const fs::path& store, const std::string& keys, const std::string& what) {
    EXPECT_THAT([&] { train(vocoder_configuration(store, folder / "run", keys)); },
                ThrowsMessage<TrainingError>(HasSubstr(what)));
  };
  const fs::path store = sounds(folder);
  const std::string steps = "reconstruction_steps = 1\n";
  refused(store, steps + "precision = \"bfloat16\"\n", "float32");
  EXPECT_THAT(
      [&] {
        train(fixtures::replaced(vocoder_configuration(store, folder / "run", steps), "crop_frames = 8",
                                 "crop_frames = 4"));
      },
      ThrowsMessage<TrainingError>(HasSubstr("crop_frames is 4")));
  EXPECT_THAT(
      [&] {
        train(fixtures::replaced(vocoder_configuration(store, folder / "run", steps), "crop_frames = 8",
                                 "crop_frames = 17"));
      },
      ThrowsMessage<TrainingError>(HasSubstr("crop_frames is 17")));
  fs::remove_all(folder / "store");
  refused(fixtures::write_store(folder), steps, "--train-waveforms");
  EXPECT_THAT(
      [&] { train(fixtures::configuration(folder / "store", folder / "run", "diffusion_steps = 1\n")); },
      ThrowsMessage<TrainingError>(HasSubstr("[vocoder]")));
}

}  // namespace
}  // namespace partita::training
