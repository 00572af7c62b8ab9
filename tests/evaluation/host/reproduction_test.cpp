#include "partita/evaluation/reproduction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "partita/audio/resample.hpp"
#include "partita/base/error.hpp"
#include "partita/evaluation/clips.hpp"
#include "partita/evaluation/ms_stft.hpp"
#include "partita/evaluation/reconstruction.hpp"
#include "partita/evaluation/sampling.hpp"
#include "partita/evaluation/systems.hpp"
#include "support/tiny_prior.hpp"
#include "support/tiny_store.hpp"

namespace partita::evaluation {
namespace {

using ::testing::HasSubstr;
const std::vector<std::string> kSources{"drums", "bass"};

class Tiny : public ::testing::Test {
 protected:
  void SetUp() override { support::write_tiny_store(store(), 3); }
  [[nodiscard]] std::filesystem::path store() const { return folder_ / "store"; }
  [[nodiscard]] std::vector<Clip> clips() const { return clips_from_store(store(), "test", kSources, 3); }
  support::TemporaryFolder folder_;
};

using Reconstruction = Tiny;

TEST_F(Reconstruction, IsMeasuredInLatentsAndInSound) {
  decomposition::SeparatorOptions options;
  options.steps = 2;
  options.refinement = decomposition::Refinement::None;
  decomposition::Separator separator(decomposition::tiny_model(folder_), options);
  std::vector<Clip> some{clips()[0]};
  Progress progress;
  const ReconstructionFigures found = evaluate_reconstruction(separator, some, progress);
  const torch::NoGradGuard no_gradient;
  const torch::Tensor x = separator.codec().encode(some[0].mixture.view({1, 1, -1}));
  const torch::Tensor composed = separator.decompose_latents(x[0]).sum(0, true);
  EXPECT_NEAR(found.mse.mean, (composed - x).square().mean().item<double>(), 1e-6 * found.mse.mean);
  const auto sound = [&](const torch::Tensor& latents) { return separator.codec().decode(latents)[0][0]; };
  EXPECT_NEAR(found.ms_stft.mean, ms_stft_distance(sound(composed), sound(x)), 1e-6);
  EXPECT_NEAR(found.to_sound.mean, ms_stft_distance(sound(composed), some[0].mixture), 1e-6);
  EXPECT_EQ(found.composition, "sum");
  Clip silent = some[0];
  silent.mixture = torch::zeros_like(silent.mixture);
  some.push_back(silent);
  EXPECT_EQ(evaluate_reconstruction(separator, some, progress).silent, 1);
  EXPECT_THROW((void)evaluate_reconstruction(separator, {silent}, progress), EvaluationError);
}

TEST_F(Reconstruction, RefusesMasksThatAddUpByConstruction) {
  decomposition::Separator separator(decomposition::tiny_model_with_masks(folder_), {});
  Progress progress;
  EXPECT_THROW((void)evaluate_reconstruction(separator, clips(), progress), EvaluationError);
}

using Sampling = Tiny;

TEST_F(Sampling, OfASeparationIsThatOfItsSystem) {
  const io::ModelFolder model = decomposition::tiny_model(folder_);
  Progress progress;
  const std::vector<SamplingPoint> points =
      separation_by_steps(model, {}, clips(), kSources, {1, 3}, torch::kCPU, progress);
  ASSERT_EQ(points.size(), 6U) << "three samplers";
  decomposition::SeparatorOptions options;
  options.steps = 3;
  options.refinement = decomposition::Refinement::Wiener;
  const System system =
      named_systems(model.path().string(), {options.refinement}, options, torch::kCPU, kSources).front();
  EXPECT_EQ(points[1].steps, 3);
  EXPECT_EQ(points[1].figure, evaluate(system, clips(), kSources).rows.back().sdr.mean);
  EXPECT_NE(points[0].figure, points[1].figure);
  const std::vector<Curve> curves = to_curves(points);
  ASSERT_EQ(curves.size(), 3U);
  EXPECT_EQ(curves[2].name, to_json(points, "si_sdr")[5].at("sampler"));
  EXPECT_EQ(curves[2].points[1].second, points[5].figure);
}

TEST_F(Sampling, OfAnAutoEncoderIsRefusedAndThatOfItsPriorMeasured) {
  const io::ModelFolder model = recomposition::tiny_model_with_prior(folder_);
  Progress progress;
  EXPECT_THROW((void)separation_by_steps(model, {}, clips(), kSources, {1}, torch::kCPU, progress),
               EvaluationError);
  const auto measure = [&] { return generation_by_steps(model, {}, clips(), {1, 4}, torch::kCPU, progress); };
  const std::vector<SamplingPoint> points = measure();
  ASSERT_EQ(points.size(), 6U);
  for (const auto& point : points) EXPECT_GT(point.figure, 0.0);
  EXPECT_NE(points[0].figure, points[1].figure);
  EXPECT_EQ(measure()[3].figure, points[3].figure);
}

class Reproducing : public Tiny {
 protected:
  [[nodiscard]] ReproductionOptions options() const {
    ReproductionOptions options;
    options.store = store();
    options.steps = 2;
    options.sampling_clips = 1;
    options.sounds = folder_ / "sounds";
    options.models = {{"ours", (folder_ / "tiny").string()}};
    return options;
  }
  static const Table::Row& row(const Table& table, const std::string& system) {
    const auto found = std::find_if(table.rows.begin(), table.rows.end(),
                                    [&](const Table::Row& one) { return one.system == system; });
    if (found == table.rows.end()) throw std::runtime_error("no row " + system);
    return *found;
  }
  Progress progress_;
};

TEST_F(Reproducing, SeparationGivesTheFiguresOfEvaluateAndSaysWhatIsMissing) {
  (void)decomposition::tiny_model(folder_);
  ReproductionOptions some = options();
  some.store = folder_ / "four";
  some.count = 2;
  support::write_tiny_store(some.store, 4);
  Reproduction reproduction(some);
  const Table table = reproduction.table("table2", progress_);
  const std::vector<Clip> four = clips_from_store(some.store, "test", kSources, 4);
  const System hpss = named_systems("hpss", {}, {}, torch::kCPU, kSources).front();
  const Summary expected = evaluate(hpss, {four[0], four[2]}, kSources);
  EXPECT_EQ(row(table, "HPSS").here[0], to_text(expected.rows.back().sdr));
  EXPECT_EQ(row(table, "HPSS").paper[0], "2.3 (4.8)");
  for (const char* missing : {"LASS", "Demucs"}) {
    EXPECT_TRUE(row(table, missing).here.empty());
    EXPECT_EQ(row(table, missing).note, "no model: no figure");
  }
  EXPECT_EQ(table.settings.at("clips"), 2);
  EXPECT_EQ(table.settings.at("clips_asked_for"), 2);
  EXPECT_EQ(table.figures.at("systems").size(), 9U)
      << "mixture, five baselines, two of the model, ideal masks";
  EXPECT_THAT(table.notes[1], HasSubstr("is beaten by"));
  EXPECT_THAT(table.notes[1], HasSubstr("tiny (wiener)"));
  EXPECT_TRUE(table.figures.contains("sampling"));
}

TEST_F(Reproducing, CompositionTakesEachModelUnderItsOwnOperator) {
  (void)decomposition::tiny_model(folder_);
  ReproductionOptions some = options();
  Reproduction reproduction(some);
  EXPECT_EQ(reproduction.clips(), 3);
  const Table table = reproduction.table("table3", progress_);
  EXPECT_EQ(row(table, "Sum").here.size(), 3U) << "ours composes by sum";
  EXPECT_TRUE(row(table, "Max").here.empty());
  EXPECT_THAT(table.notes[0], HasSubstr("512 were asked for: the store keeps no more"));
  some.models["max"] = some.models["ours"];
  EXPECT_THROW((void)Reproduction(some).table("table3", progress_), UsageError);
}

TEST_F(Reproducing, RefusesWhatNoTableKnows) {
  (void)decomposition::tiny_model(folder_);
  EXPECT_THROW((void)Reproduction(options()).table("table6", progress_), UsageError);
  ReproductionOptions wrong = options();
  wrong.models["median"] = "tiny";
  EXPECT_THROW(Reproduction{wrong}, UsageError);
  ReproductionOptions empty = options();
  empty.store = folder_ / "silent";
  support::write_tiny_store(empty.store, 2, /*audio=*/false);
  EXPECT_THROW(Reproduction{empty}, EvaluationError);
}

}  // namespace
}  // namespace partita::evaluation
