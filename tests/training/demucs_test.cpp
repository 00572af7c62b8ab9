#include "partita/baselines/demucs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "fixtures.hpp"
#include "partita/evaluation/separation.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;
using fixtures::demucs_configuration;
using fixtures::Folder;
using fixtures::stems;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::int64_t kSamples = 20 * 320;

void train(const std::string& text, bool resume = false) {
  Progress silent;
  train_demucs(fixtures::parsed(text), resume, torch::kCPU, silent);
}

class DemucsTraining : public ::testing::Test {
 protected:
  fs::path keep(const torch::Tensor& train_stems = stems(6, kSamples, 1)) {
    fixtures::write_stems(folder / "store", train_stems, stems(3, kSamples, 2));
    return folder / "store";
  }
  [[nodiscard]] std::string configuration(const std::string& run, const std::string& training,
                                          const std::string& more = {}) const {
    return demucs_configuration(folder / "store", folder / run, training, more);
  }
  /// The loss of the first step, before the network has learned anything.
  [[nodiscard]] double first_loss(const std::string& run, const std::string& augment) const {
    train(configuration(run, "supervised_steps = 1\n", "[augment]\n" + augment));
    const std::string log = io::read_file(folder / run / "log.csv");
    const std::string head = log.substr(0, log.find('\n'));
    const std::string row = log.substr(log.find('\n') + 1);
    const auto column =
        std::count(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(head.find("loss")), ',');
    std::size_t at = 0;
    for (std::ptrdiff_t i = 0; i < column; ++i) at = row.find(',', at) + 1;
    return std::stod(row.substr(at));
  }
  Folder folder;
};

/// Mean SI-SDR in dB of unheard clips.
double mean_si_sdr(const fs::path& model) {
  baselines::Demucs network = baselines::load_demucs(io::ModelFolder(model), torch::kCPU);
  const torch::Tensor truth = stems(4, kSamples, 9);
  std::vector<evaluation::Clip> clips;
  for (std::int64_t i = 0; i < truth.size(0); ++i)
    clips.push_back({std::to_string(i), truth[i].mean(0), truth[i], 8000});
  const evaluation::System system{"demucs", [&](const evaluation::Clip& clip) {
                                    return separate_segments(*network, clip.mixture.unsqueeze(0)).squeeze(1);
                                  }};
  return evaluation::evaluate(system, clips, {"drums", "bass"}).rows.back().sdr.mean;
}

TEST_F(DemucsTraining, LearnsToSeparateWhatItHasNotHeard) {
  keep(stems(32, kSamples, 1));
  train(configuration("untrained", "supervised_steps = 1\n"));
  train(fixtures::replaced(configuration("trained", "supervised_steps = 100\nvalidate_every = 50\n"),
                           "learning_rate = 3e-3", "learning_rate = 1e-2"));
  EXPECT_LT(mean_si_sdr(folder / "untrained" / "model"), 1.0);
  EXPECT_GT(mean_si_sdr(folder / "trained" / "model"), 8.0);  // the mixture: 0
}

TEST_F(DemucsTraining, ExportsAModelOfKindDemucsWithItsFigures) {
  keep();
  train(configuration("run", "supervised_epochs = 2\n"));
  const io::ModelFolder model(folder / "run" / "model");
  EXPECT_EQ(model.name(), "tiny-demucs");
  EXPECT_EQ(model.kind(), "demucs");
  EXPECT_EQ(model.card().get<std::vector<std::string>>("components"),
            (std::vector<std::string>{"drums", "bass"}));
  EXPECT_EQ(model.card().get<int>("sample_rate"), 8000);
  EXPECT_EQ(model.card().table("training").get<std::int64_t>("steps"), 2) << "6 clips, 4 a step, twice";
  const io::Config metrics = model.card().table("metrics");
  EXPECT_GT(metrics.get<double>("loss"), 0.0);
  EXPECT_NEAR(metrics.get<double>("si_sdr"),
              (metrics.get<double>("si_sdr_drums") + metrics.get<double>("si_sdr_bass")) / 2.0, 1e-4);
  EXPECT_THAT(io::read_file(folder / "run" / "validation.csv"), HasSubstr("si_sdr_bass"));
  for (const auto& [name, tensor] : model.weights().tensors())
    EXPECT_EQ(tensor.scalar_type(), torch::kHalf) << name;
}

TEST_F(DemucsTraining, ResumesBitForBit) {
  keep();
  const std::string steps = "supervised_steps = 6\nema_decay = 0.9\ncheckpoint_every = 2\n";
  train(configuration("straight", steps));
  train(configuration("resumed", steps));
  for (const auto& entry : fs::directory_iterator(folder / "resumed" / "checkpoints")) {
    if (entry.path().filename() > "step-00000004") fs::remove_all(entry.path());
  }
  ASSERT_EQ(newest_checkpoint(folder / "resumed")->step, 4);
  train(configuration("resumed", steps), true);
  const Checkpoint a = *newest_checkpoint(folder / "straight"), b = *newest_checkpoint(folder / "resumed");
  EXPECT_EQ(b.step, 6);
  for (const auto& [name, tensor] : a.state) EXPECT_TRUE(torch::equal(tensor, b.state.at(name))) << name;
}

TEST_F(DemucsTraining, WhatIsDrawnDoesNotDependOnSlices) {
  keep();
  train(configuration("whole", "supervised_steps = 3\n"));
  train(configuration("sliced", "supervised_steps = 3\naccumulate = 2\n"));
  const io::TensorMap whole = io::select(newest_checkpoint(folder / "whole")->state, "model");
  const io::TensorMap sliced = io::select(newest_checkpoint(folder / "sliced")->state, "model");
  for (const auto& [name, tensor] : whole)
    EXPECT_LE((tensor - sliced.at(name)).abs().max().item<double>(), 1e-4) << name;
}

TEST_F(DemucsTraining, AugmentationChangesTheSources) {
  keep();
  const std::string plain = "least_gain = 1.0\nmost_gain = 1.0\nflip_sign = false\nremix = false\n";
  const double loss = first_loss("plain", plain);
  const double doubled =
      first_loss("doubled", "least_gain = 2.0\nmost_gain = 2.0\nflip_sign = false\nremix = false\n");
  EXPECT_NEAR(doubled, 2.0 * loss, 1e-2 * loss) << "the network normalises its input";
  EXPECT_NE(first_loss("flipped", "least_gain = 1.0\nmost_gain = 1.0\nflip_sign = true\nremix = false\n"),
            loss);
  EXPECT_NE(first_loss("remixed", "least_gain = 1.0\nmost_gain = 1.0\nflip_sign = false\nremix = true\n"),
            loss);
  EXPECT_NE(first_loss("gains", "least_gain = 0.5\nmost_gain = 1.5\nflip_sign = false\nremix = false\n"),
            loss);
}

TEST_F(DemucsTraining, SilenceIsTrainedOn) {
  keep(torch::zeros({2, 2, kSamples}));
  train(configuration("run", "supervised_steps = 2\n"));
  const Checkpoint checkpoint = *newest_checkpoint(folder / "run");
  for (const auto& [name, tensor] : checkpoint.state)
    EXPECT_TRUE(torch::isfinite(tensor).all().item<bool>()) << name;
}

TEST_F(DemucsTraining, SamplesThatAreNotFiniteAreNamed) {
  torch::Tensor bad = stems(3, kSamples, 1);
  bad[1].fill_(std::numeric_limits<float>::quiet_NaN());
  keep(bad);
  EXPECT_THAT([&] { train(configuration("run", "supervised_steps = 2\n")); },
              ThrowsMessage<TrainingError>(HasSubstr("training clip 1")));
}

TEST_F(DemucsTraining, StoresAndCropsThatDoNotFitAreRefused) {
  const auto refused = [&](const std::string& text, const std::string& what) {
    EXPECT_THAT([&] { train(text); }, ThrowsMessage<Error>(HasSubstr(what)));
  };
  keep();
  const std::string text = configuration("run", "supervised_steps = 1\n");
  refused(configuration("run", "precision = \"bfloat16\"\n"), "float32");
  refused(fixtures::replaced(text, "crop_frames = 4", "crop_frames = 20"), "crop_frames is 20");
  refused(fixtures::replaced(text, "depth = 3", "depth = 6"), "the network's depth");
  refused(configuration("run", "supervised_steps = 0\n"), "supervised_steps");
  refused(configuration("run", "", "[augment]\nleast_gain = -1.0\n"), "least_gain");
  refused(configuration("run", "", "[augment]\nmost_gain = 0.1\n"), "most_gain");
  refused(configuration("run", "", "[augment]\ngain = 0.1\n"), "gain");
  fs::remove_all(folder / "store");
  fixtures::write_store(folder);
  refused(text, "--train-waveforms");
  fs::remove_all(folder / "store");
  fixtures::write_sounds(folder / "store", fixtures::chords(2, kSamples, 1),
                         fixtures::chords(1, kSamples, 2));
  refused(text, "knows no stems");
  refused(fixtures::configuration(folder / "store", folder / "run", "diffusion_steps = 1\n"), "[demucs]");
}

}  // namespace
}  // namespace partita::training
