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
    EXPECT_NEAR(row.sdr.mean, 7.0, 1e-3);
    EXPECT_NEAR(row.sdr.deviation, 0.0, 1e-3);
    EXPECT_EQ(row.silent, 0);
  }
}

TEST(Evaluate, TakesDeviationsOverClips) {
  int call = 0;
  const System changing{
      "changing", [&call](const Clip& given) { return system_at(call++ == 0 ? 4.0 : 10.0).separate(given); }};
  const Summary summary = evaluate(changing, {clip(1), clip(2)}, kSources);
  EXPECT_NEAR(summary.rows[2].sdr.mean, 7.0, 1e-3);
  EXPECT_NEAR(summary.rows[2].sdr.deviation, 3.0, 1e-3);
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
  EXPECT_EQ(evaluate(perfect, {clip(1)}, kSources).rows[2].sdr.mean, 100.0);
  EXPECT_EQ(evaluate(mute, {clip(1)}, kSources).rows[2].sdr.mean, -100.0);
  EXPECT_TRUE(std::isnan(evaluate(mute, {}, kSources).rows[2].sdr.mean));
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

TEST(Evaluate, AssignsByModelOrInEachClip) {
  int call = 0;
  const auto swapped = [&call](const Clip& given) {
    const torch::Tensor estimates = system_at(7.0).separate(given);
    return call++ % 2 == 0 ? estimates : estimates.flip({0});
  };
  const std::vector<Clip> clips{clip(1), clip(2), clip(3), clip(4)};
  const Summary fixed = evaluate({"swapped", swapped}, clips, kSources);
  const Summary best = evaluate({"swapped", swapped}, clips, kSources, {Assignment::Clip, {}, 0});
  EXPECT_LT(fixed.rows[2].sdr.mean, 0.0);
  EXPECT_NEAR(best.rows[2].sdr.mean, 7.0, 1e-3);
  EXPECT_THAT(to_markdown({best}, {Assignment::Clip, {}, 0}), ::testing::HasSubstr("Assignment by clip"));
  // A silent reference takes the estimate that is left.
  Clip half = clip(1);
  half.references[0].zero_();
  const System turned{"turned", [](const Clip&) { return clip(1).references.flip({0}); }};
  const Summary quiet = evaluate(turned, {half}, kSources, {Assignment::Clip, {}, 0});
  EXPECT_EQ(quiet.rows[0].silent, 1);
  EXPECT_EQ(quiet.rows[1].sdr.mean, 100.0);
}

TEST(Evaluate, KeepsTheFiguresOfEveryClipThatMeansAreOf) {
  Clip half = clip(1);
  half.references[1].zero_();
  Progress progress;
  const std::vector<Summary> found =
      evaluate({mixture_system(2), ideal_mask_system()}, {half, clip(2)}, kSources, {}, progress);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].system, "ideal masks");
  const std::vector<Summary::Figure>& figures = found[0].figures;
  ASSERT_EQ(figures.size(), 3U) << "the silent bass is left out";
  EXPECT_EQ(figures[0].clip, "clip 1");
  EXPECT_EQ(figures[2].source, "bass");
  EXPECT_NEAR((figures[0].metrics.sdr + figures[1].metrics.sdr) / 2.0, found[0].rows[0].sdr.mean, 1e-9);
  const io::Json drums = to_json(found[0]).at("rows")[0].at("figures");
  EXPECT_EQ(drums.at("clip"), io::Json({"clip 1", "clip 2"}));
  EXPECT_EQ(drums.at("si_sdr")[1], figures[1].metrics.sdr);
}

TEST(Evaluate, TellsWhatAnotherNamingWouldComeTo) {
  const System turned{"turned", [](const Clip& given) { return system_at(7.0).separate(given).flip({0}); }};
  const Summary found = evaluate(turned, {clip(1), clip(2)}, kSources);
  EXPECT_NEAR(found.crossed[1][0], 7.0, 1e-3) << "its bass as drums";
  EXPECT_NEAR(found.crossed[0][1], 7.0, 1e-3);
  EXPECT_NEAR(found.crossed[0][0], found.rows[0].sdr.mean, 1e-9);
  Clip half = clip(1);
  half.references[1].zero_();
  EXPECT_TRUE(std::isnan(evaluate(mixture_system(2), {half}, kSources).crossed[0][1]));
}

TEST(Evaluate, TakesBssEvalInWhereAsked) {
  EvaluationOptions options;
  options.bss = BssOptions{0.5, 0.5, 32};
  Clip mute = clip(3);
  mute.references[1].zero_();
  const std::vector<Clip> clips{clip(1), clip(2), mute};
  const Summary found = evaluate(system_at(7.0), {clip(1), clip(2)}, kSources, options);
  ASSERT_EQ(found.bss.size(), 3U);
  EXPECT_EQ(found.bss[2].source, "all");
  EXPECT_EQ(found.bss[2].tracks, 4);
  const BssResult alone = bss_eval(clip(1).references.unsqueeze(1),
                                   system_at(7.0).separate(clip(1)).unsqueeze(1), kRate, *options.bss);
  const BssResult other = bss_eval(clip(2).references.unsqueeze(1),
                                   system_at(7.0).separate(clip(2)).unsqueeze(1), kRate, *options.bss);
  EXPECT_NEAR(found.bss[0].sdr.mean, 0.5 * (median(alone.frames[0]).sdr + median(other.frames[0]).sdr), 1e-9);
  const Summary quiet = evaluate(mixture_system(2), clips, kSources, options);
  EXPECT_EQ(quiet.bss[1].tracks, 2);
  EXPECT_EQ(quiet.bss[1].silent, 1);
  EXPECT_EQ(quiet.bss[2].tracks, 5);
  EXPECT_EQ(to_json(quiet).at("bss")[1].at("silent"), 1);
  EXPECT_THAT(
      to_markdown({quiet}, options),
      ::testing::AllOf(::testing::HasSubstr("| mixture | bass |"),
                       ::testing::HasSubstr("BSS Eval v4 in dB (32 taps, windows of 0.5 s, hop 0.5 s)")));
}

TEST(Systems, IdealMasksSeparateWhatDoesNotMeet) {
  const torch::Tensor time = torch::arange(kRate, torch::kFloat64) / kRate;
  const torch::Tensor references =
      0.2 * torch::stack({(2.0 * M_PI * 3000.0 * time).sin(), (2.0 * M_PI * 200.0 * time).sin()});
  const std::vector<Clip> clips{{"tones", references.mean(0), references, kRate}};
  for (const auto& row : evaluate(mixture_system(2), clips, kSources).rows) {
    EXPECT_NEAR(row.sdr.mean, 0.0, 0.01) << "orthogonal and equally loud";
  }
  EXPECT_GT(evaluate(ideal_mask_system(), clips, kSources).rows[2].sdr.mean, 30.0);
}

TEST(Systems, IdealMasksBeatTheMixture) {
  const std::vector<Clip> clips{clip(1)};
  const Summary mixture = evaluate(mixture_system(2), clips, kSources);
  const Summary ideal = evaluate(ideal_mask_system(), clips, kSources);
  for (std::size_t i = 0; i < ideal.rows.size(); ++i) {
    EXPECT_GT(ideal.rows[i].sdr.mean, mixture.rows[i].sdr.mean) << ideal.rows[i].source;
  }
}

TEST(Report, HasEveryFigureInJsonAndMarkdown) {
  const Summary summary = evaluate(system_at(7.0), {clip(1)}, kSources);
  const io::Json json = to_json(summary);
  EXPECT_EQ(json.at("system"), "known");
  ASSERT_EQ(json.at("rows").size(), 3U);
  EXPECT_NEAR(json["rows"][1]["si_sdr"]["mean"].get<double>(), 7.0, 1e-3);
  EXPECT_EQ(json["rows"][1]["clips"], 1);
  const std::string table = to_markdown({summary});
  EXPECT_THAT(table,
              ::testing::StartsWith("| system | source | SI-SDR | SI-SIR | SI-SAR | clips | silent |\n"));
  EXPECT_THAT(table, ::testing::HasSubstr("| known | bass | 7.0 (0.0) [7.0, 7.0] |"));
  EXPECT_THAT(table, ::testing::HasSubstr("Assignment by model: one fixed assignment"));
  EXPECT_THAT(table, ::testing::Not(::testing::HasSubstr("BSS Eval")));
}

}  // namespace
}  // namespace partita::evaluation
