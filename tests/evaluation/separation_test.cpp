#include "partita/evaluation/separation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/signals.hpp"

namespace partita::evaluation {
namespace {

constexpr int kRate = 24000;
const std::vector<std::string> kSources{"drums", "bass"};

Clip clip(std::uint64_t seed) {
  const torch::Tensor references =
      torch::stack({support::drums_like(1.0, kRate, seed), support::bass_like(1.0, kRate)});
  return {fmt::format("clip {}", seed), references.mean(0), references, kRate};
}

/// A system whose estimates have known SI-SDR: the reference and an orthogonal part `decibels` below it.
System system_at(double decibels) {
  return {"known", [decibels](const Clip& given) {
            const torch::Tensor references = given.references.to(torch::kFloat64);
            const torch::Tensor s = references - references.mean(1, true);
            torch::Tensor other = torch::randn(s.sizes(), make_generator(9, "other"), torch::kFloat64);
            other = other - other.mean(1, true);
            other = other - s * ((other * s).sum(1, true) / s.square().sum(1, true));
            const torch::Tensor gain = (s.square().sum(1, true) / other.square().sum(1, true)).sqrt() *
                                       std::pow(10.0, -decibels / 20.0);
            return s + gain * other;
          }};
}

TEST(Evaluate, GivesMeansOfSourcesAndOfAll) {
  const Summary summary = evaluate(system_at(7.0), {clip(1), clip(2)}, kSources);
  ASSERT_EQ(summary.rows.size(), 3U);
  EXPECT_EQ(summary.system, "known");
  EXPECT_EQ(summary.rows[0].source, "drums");
  EXPECT_EQ(summary.rows[1].source, "bass");
  EXPECT_EQ(summary.rows[2].source, "all");
  EXPECT_EQ(summary.rows[0].clips, 2);
  EXPECT_EQ(summary.rows[2].clips, 4);
  for (const auto& row : summary.rows) {
    EXPECT_NEAR(row.mean.sdr, 7.0, 1e-3);
    EXPECT_NEAR(row.deviation.sdr, 0.0, 1e-3);
    EXPECT_EQ(row.silent, 0);
  }
}

TEST(Evaluate, TakesDeviationsOverClips) {
  int call = 0;
  const System changing{
      "changing", [&call](const Clip& given) { return system_at(call++ == 0 ? 4.0 : 10.0).separate(given); }};
  const Summary summary = evaluate(changing, {clip(1), clip(2)}, kSources);
  EXPECT_NEAR(summary.rows[2].mean.sdr, 7.0, 1e-3);
  EXPECT_NEAR(summary.rows[2].deviation.sdr, 3.0, 1e-3);
}

TEST(Evaluate, LeavesSilentReferencesOutAndCountsThem) {
  Clip half = clip(1);
  half.references[1].zero_();
  const Summary quiet = evaluate(mixture_system(2), {half, clip(2)}, kSources);
  EXPECT_EQ(quiet.rows[0].clips, 2);
  EXPECT_EQ(quiet.rows[1].clips, 1);
  EXPECT_EQ(quiet.rows[1].silent, 1);
  EXPECT_EQ(quiet.rows[2].clips, 3);
  EXPECT_EQ(quiet.rows[2].silent, 1);
}

TEST(Evaluate, LimitsFiguresAndGivesNoneForNoClips) {
  const System perfect{"perfect", [](const Clip& given) { return given.references; }};
  const System mute{"mute", [](const Clip& given) { return torch::zeros_like(given.references); }};
  EXPECT_EQ(evaluate(perfect, {clip(1)}, kSources).rows[2].mean.sdr, 100.0);
  EXPECT_EQ(evaluate(mute, {clip(1)}, kSources).rows[2].mean.sdr, -100.0);
  EXPECT_TRUE(std::isnan(evaluate(mute, {}, kSources).rows[2].mean.sdr));
}

TEST(Evaluate, RefusesEstimatesOfAnotherShape) {
  const System one{"one", [](const Clip& given) { return given.mixture.unsqueeze(0); }};
  try {
    (void)evaluate(one, {clip(1)}, kSources);
    FAIL() << "expected EvaluationError";
  } catch (const EvaluationError& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("clip 1"), ::testing::HasSubstr("one")));
  }
  EXPECT_THROW((void)evaluate(mixture_system(3), {clip(1)}, {"drums", "bass", "piano"}), EvaluationError);
}

TEST(Systems, IdealMasksSeparateWhatDoesNotMeet) {
  const torch::Tensor time = torch::arange(kRate, torch::kFloat64) / kRate;
  const torch::Tensor references =
      0.2 * torch::stack({(2.0 * M_PI * 3000.0 * time).sin(), (2.0 * M_PI * 200.0 * time).sin()});
  const std::vector<Clip> clips{{"tones", references.mean(0), references, kRate}};
  for (const auto& row : evaluate(mixture_system(2), clips, kSources).rows) {
    EXPECT_NEAR(row.mean.sdr, 0.0, 0.01) << "orthogonal and equally loud";
  }
  EXPECT_GT(evaluate(ideal_mask_system(), clips, kSources).rows[2].mean.sdr, 30.0);
}

TEST(Systems, IdealMasksBeatTheMixture) {
  const std::vector<Clip> clips{clip(1)};
  const Summary mixture = evaluate(mixture_system(2), clips, kSources);
  const Summary ideal = evaluate(ideal_mask_system(), clips, kSources);
  for (std::size_t i = 0; i < ideal.rows.size(); ++i) {
    EXPECT_GT(ideal.rows[i].mean.sdr, mixture.rows[i].mean.sdr) << ideal.rows[i].source;
  }
}

TEST(Report, HasEveryFigureInJsonAndMarkdown) {
  const Summary summary = evaluate(system_at(7.0), {clip(1)}, kSources);
  const io::Json json = to_json(summary);
  EXPECT_EQ(json.at("system"), "known");
  ASSERT_EQ(json.at("rows").size(), 3U);
  EXPECT_NEAR(json["rows"][1]["mean"]["si_sdr"].get<double>(), 7.0, 1e-3);
  EXPECT_EQ(json["rows"][1]["clips"], 1);
  const std::string table = to_markdown({summary});
  EXPECT_THAT(table, ::testing::StartsWith("| system | source | SI-SDR | SI-SIR | SI-SAR | clips |\n"));
  EXPECT_THAT(table, ::testing::HasSubstr("| known | bass | 7.0 (0.0) |"));
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 5);
}

}  // namespace
}  // namespace partita::evaluation
