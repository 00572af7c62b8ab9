#include "partita/evaluation/bss_eval.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"
#include "support/signals.hpp"

namespace partita::evaluation {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr double kTolerance = 1e-3;  // dB
constexpr int kRate = 1000;

/// `[source, channel, sample]`.
torch::Tensor noise(std::int64_t sources, std::int64_t channels, std::int64_t samples,
                    std::uint64_t seed = 1) {
  return 0.1 * torch::randn({sources, channels, samples}, make_generator(seed, "noise"), torch::kFloat64);
}

BssOptions small(double window = 0.5, double hop = 0.5) { return {window, hop, 16}; }

std::vector<double> values(const BssMetrics& figures) {
  return {figures.sdr, figures.isr, figures.sir, figures.sar};
}

void expect_near(const BssMetrics& found, const BssMetrics& expected, double tolerance,
                 const std::string& what) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (std::isnan(values(expected)[i])) {
      EXPECT_TRUE(std::isnan(values(found)[i])) << what << ' ' << i;
    } else {
      EXPECT_NEAR(values(found)[i], values(expected)[i], tolerance) << what << ' ' << i;
    }
  }
}

/// Written by scripts/golden/bss_eval.py: least squares in NumPy, checked against museval.
TEST(BssEvalGolden, AgreesWithMuseval) {
  const io::SafetensorsFile golden(support::golden_path("bss_eval.safetensors"));
  ASSERT_EQ(golden.metadata().size(), 6U);
  for (const auto& [name, text] : golden.metadata()) {
    const auto about = nlohmann::json::parse(text);
    const BssOptions options{about.at("window").get<double>() / kRate, about.at("hop").get<double>() / kRate,
                             about.at("taps")};
    const BssResult found =
        bss_eval(golden.tensor(name + "/references"), golden.tensor(name + "/estimates"), kRate, options);
    const torch::Tensor expected = golden.tensor(name + "/figures");
    ASSERT_EQ(static_cast<std::int64_t>(found.frames.size()), expected.size(1)) << name;
    for (std::int64_t source = 0; source < expected.size(1); ++source) {
      const auto& frames = found.frames[static_cast<std::size_t>(source)];
      ASSERT_EQ(static_cast<std::int64_t>(frames.size()), expected.size(2)) << name;
      for (std::int64_t frame = 0; frame < expected.size(2); ++frame) {
        const auto figure = [&](std::int64_t i) { return expected[i][source][frame].item<double>(); };
        const bool lone = expected.size(1) == 1;  // no interference but rounding
        BssMetrics theirs{figure(0), figure(1), lone ? 0.0 : figure(2), figure(3)};
        BssMetrics ours = frames[static_cast<std::size_t>(frame)];
        if (lone) {
          EXPECT_GT(ours.sir, 200.0);
          ours.sir = 0.0;
        }
        expect_near(ours, theirs, kTolerance, fmt::format("{}, source {}, frame {}", name, source, frame));
      }
    }
  }
}

TEST(BssEval, KnowsWhatWasDone) {
  const torch::Tensor references = noise(2, 1, 4000);
  torch::Tensor estimates = references.clone();
  estimates[0] = 0.5 * references[0];                  // a filter: spatial distortion alone
  estimates[1] = references[1] + 0.1 * references[0];  // interference alone
  const BssResult found = bss_eval(references, estimates, kRate, small());
  for (const auto& frame : found.frames[0]) {
    EXPECT_NEAR(frame.sdr, 20.0 * std::log10(2.0), 1e-6);
    EXPECT_NEAR(frame.isr, 20.0 * std::log10(2.0), 0.1) << "but for what of the other source fits by chance";
    EXPECT_GT(frame.sir, 100.0);
    EXPECT_GT(frame.sar, 100.0);
  }
  for (const auto& frame : found.frames[1]) {
    EXPECT_NEAR(frame.sdr, 20.0, 1.0);
    EXPECT_NEAR(frame.sir, 20.0, 1.5);
    EXPECT_GT(frame.sar, 100.0);
  }
}

TEST(BssEval, DoesNotDependOnThePiecesATrackComesIn) {
  const torch::Tensor references = noise(2, 2, 300000);
  const torch::Tensor estimates = references + 0.3 * noise(2, 2, 300000, 2) + 0.2 * references.flip(0);
  const BssResult whole = bss_eval(references, estimates, 100 * kRate, small(0.6, 0.5));
  const auto open = [&] {
    return [&, at = std::int64_t{0}](std::int64_t count) mutable {
      const BssPiece piece{references.narrow(2, at, count), estimates.narrow(2, at, count)};
      at += count;
      return piece;
    };
  };
  const BssResult streamed = bss_eval({2, 2, 300000, 100 * kRate, open}, small(0.6, 0.5));
  ASSERT_EQ(whole.frames[0].size(), 5U);
  for (std::size_t source = 0; source < 2; ++source) {
    for (std::size_t frame = 0; frame < 5; ++frame)
      expect_near(streamed.frames[source][frame], whole.frames[source][frame], 1e-9, "streamed");
  }
}

TEST(BssEval, ThePerfectEstimateHasNoDistortion) {
  const torch::Tensor references = noise(2, 2, 2000);
  const BssResult found = bss_eval(references, references, kRate, small());
  for (const auto& frame : found.frames[0]) {
    EXPECT_EQ(frame.sdr, std::numeric_limits<double>::infinity());
    EXPECT_GT(frame.sir, 100.0);
  }
  EXPECT_EQ(median(found.frames[0]).sdr, 100.0);
}

TEST(BssEval, OneSoundOnBothChannelsIsMeasured) {
  // Both channels alike: the correlations are singular.
  const torch::Tensor references = noise(2, 1, 4000).expand({2, 2, 4000});
  const torch::Tensor other = noise(2, 1, 4000, 2).expand({2, 2, 4000});
  const BssResult stereo =
      bss_eval(references, references + 0.3 * references.flip(0) + 0.1 * other, kRate, small());
  const torch::Tensor left = references.narrow(1, 0, 1);
  const BssResult mono =
      bss_eval(left, left + 0.3 * left.flip(0) + 0.1 * other.narrow(1, 0, 1), kRate, small());
  for (std::size_t frame = 0; frame < mono.frames[0].size(); ++frame)
    expect_near(stereo.frames[0][frame], mono.frames[0][frame], 1e-3, "as in mono");
}

TEST(BssEval, SilentSourcesAreLeftOutAndTheOthersMeasured) {
  const torch::Tensor two = noise(2, 2, 2000);
  const torch::Tensor estimates = two + 0.2 * two.flip(0) + 0.1 * noise(2, 2, 2000, 2);
  const BssResult expected = bss_eval(two, estimates, kRate, small());
  const torch::Tensor nothing = torch::zeros({1, 2, 2000}, torch::kFloat64);
  const BssResult found = bss_eval(torch::cat({two, nothing}),
                                   torch::cat({estimates, 0.1 * estimates.narrow(0, 0, 1)}), kRate, small());
  EXPECT_EQ(found.silent, (std::vector<bool>{false, false, true}));
  EXPECT_TRUE(found.frames[2].empty());
  for (std::size_t frame = 0; frame < expected.frames[0].size(); ++frame)
    expect_near(found.frames[0][frame], expected.frames[0][frame], 1e-9, "beside silence");
  // A silent estimate: its reference still is what the other's interference comes from.
  torch::Tensor half = estimates.clone();
  half[1].zero_();
  const BssResult mute = bss_eval(two, half, kRate, small());
  EXPECT_EQ(mute.silent, (std::vector<bool>{false, true}));
  for (std::size_t frame = 0; frame < expected.frames[0].size(); ++frame)
    expect_near(mute.frames[0][frame], expected.frames[0][frame], 1e-9, "beside a silent estimate");
  const BssResult none = bss_eval(torch::zeros_like(two), estimates, kRate, small());
  EXPECT_EQ(none.silent, (std::vector<bool>{true, true}));
}

TEST(BssEval, ShortTracksAreOneFrame) {
  const torch::Tensor references = noise(2, 1, 40);
  const BssResult found = bss_eval(references, references + 0.1 * noise(2, 1, 40, 2), kRate, {2.0, 1.5, 4});
  ASSERT_EQ(found.frames[0].size(), 1U);
  EXPECT_NEAR(found.frames[0][0].sdr, 20.0, 3.0);
  EXPECT_EQ(bss_eval(references.narrow(2, 0, 1), references.narrow(2, 0, 1), kRate, small()).frames[0].size(),
            1U);
}

TEST(BssEval, MediansPassOverSilentFrames) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const double high = std::numeric_limits<double>::infinity();
  const BssMetrics found = median(
      {{1.0, none, -500.0, 4.0}, {none, none, high, none}, {3.0, none, 7.0, high}, {2.0, none, 8.0, 5.0}});
  EXPECT_DOUBLE_EQ(found.sdr, 2.0);
  EXPECT_TRUE(std::isnan(found.isr));
  EXPECT_DOUBLE_EQ(found.sir, 7.5);
  EXPECT_DOUBLE_EQ(found.sar, 5.0);
}

TEST(BssEval, RefusesWhatCannotBeMeasured) {
  const torch::Tensor x = noise(2, 1, 1000);
  torch::Tensor broken = x.clone();
  broken[1][0][500] = std::nan("");
  EXPECT_THAT([&] { (void)bss_eval(x, broken, kRate, small()); },
              ThrowsMessage<EvaluationError>(HasSubstr("estimates hold NaN")));
  EXPECT_THROW((void)bss_eval(broken, x, kRate, small()), EvaluationError);
  EXPECT_THROW((void)bss_eval(x, x.narrow(2, 0, 999), kRate, small()), EvaluationError);
  EXPECT_THROW((void)bss_eval(x[0], x[0], kRate, small()), EvaluationError);
  EXPECT_THROW((void)bss_eval(x.narrow(2, 0, 0), x.narrow(2, 0, 0), kRate, small()), EvaluationError);
  EXPECT_THROW((void)bss_eval(x, x, kRate, small(0.0)), EvaluationError);
  EXPECT_THROW((void)bss_eval(x, x, kRate, small(0.5, 0.0)), EvaluationError);
  EXPECT_THROW((void)bss_eval(x, x, kRate, {1.0, 1.0, 0}), EvaluationError);
  request_interrupt();
  EXPECT_THROW((void)bss_eval(x, x, kRate, small()), Interrupted);
  request_interrupt(false);
}

}  // namespace
}  // namespace partita::evaluation
