#include "partita/baselines/hpss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"
#include "support/signals.hpp"

namespace partita::baselines {
namespace {

constexpr double kMaskTolerance = 1e-4;
constexpr double kSumTolerance = 1e-5;

/// Written by scripts/golden/hpss.py.
const io::SafetensorsFile& golden() {
  static const io::SafetensorsFile file(support::golden_path("hpss.safetensors"));
  return file;
}

double largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }

torch::Tensor stems_of(const torch::Tensor& samples, const HpssOptions& options = {}) {
  return separate(hpss(options), samples, 24000);
}

struct MaskCase {
  const char* name;
  HpssOptions options;
};

class HpssMasks : public ::testing::TestWithParam<MaskCase> {};

TEST_P(HpssMasks, AgreeWithLibrosa) {
  const auto& [name, options] = GetParam();
  const torch::Tensor magnitude = golden().tensor(std::string(name) + "/magnitude").unsqueeze(0);
  const torch::Tensor expected = golden().tensor(std::string(name) + "/masks").unsqueeze(1);
  const torch::Tensor masks = hpss_masks(magnitude, options);
  ASSERT_EQ(masks.sizes(), expected.sizes());
  EXPECT_LE(largest(masks - expected), kMaskTolerance);
  EXPECT_LE(largest(masks.sum(0) - 1.0), kMaskTolerance);
}

INSTANTIATE_TEST_SUITE_P(
    Golden, HpssMasks,
    ::testing::Values(MaskCase{"usual", {}},
                      MaskCase{"short", {.harmonic_kernel = 31, .percussive_kernel = 17}},
                      MaskCase{"power", {.harmonic_kernel = 7, .percussive_kernel = 9, .power = 1.0}}),
    [](const auto& tested) { return tested.param.name; });

TEST(Hpss, StemsAgreeWithTheGoldenOnes) {
  const HpssOptions options{.window = 256, .hop = 64, .harmonic_kernel = 17, .percussive_kernel = 17};
  const torch::Tensor samples = golden().tensor("sound/samples").unsqueeze(0);
  const torch::Tensor stems = stems_of(samples, options);
  EXPECT_LE(largest(stems.squeeze(1) - golden().tensor("sound/stems")), kMaskTolerance);
}

TEST(Hpss, StemsAddUpToTheInputAtEveryLength) {
  for (const std::int64_t samples : {1, 2, 511, 2048, 30001}) {
    const torch::Tensor sound =
        0.5 * torch::randn({2, samples}, make_generator(3, "noise", static_cast<std::uint64_t>(samples)));
    const torch::Tensor stems = stems_of(sound);
    ASSERT_EQ(stems.sizes(), (std::vector<std::int64_t>{2, 2, samples}));
    EXPECT_LE(largest(stems.sum(0) - sound), kSumTolerance) << samples;
  }
}

TEST(Hpss, ChannelsAreTreatedAlone) {
  const torch::Tensor drums = support::drums_like(1.0, 24000);
  const torch::Tensor bass = support::bass_like(1.0, 24000);
  const torch::Tensor together = stems_of(torch::stack({drums, bass}));
  EXPECT_LE(largest(together.select(1, 0) - stems_of(drums.unsqueeze(0)).select(1, 0)), kSumTolerance);
  EXPECT_LE(largest(together.select(1, 1) - stems_of(bass.unsqueeze(0)).select(1, 0)), kSumTolerance);
}

TEST(Hpss, HitsGoToTheDrumsAndNotesToTheBass) {
  const std::int64_t rate = 24000;
  const torch::Tensor time = torch::arange(2 * rate, torch::kFloat64) / static_cast<double>(rate);
  const torch::Tensor note = (0.3 * (2.0 * M_PI * 110.0 * time).sin()).to(torch::kFloat32);
  torch::Tensor hits = torch::zeros({2 * rate});
  for (std::int64_t i = rate / 4; i < 2 * rate; i += rate / 2) hits[i] = 1.0;
  const torch::Tensor of_note = stems_of(note.unsqueeze(0)).square().sum({1, 2});
  EXPECT_GT((of_note[1] / of_note[0]).item<double>(), 10.0);
  const torch::Tensor of_hits = stems_of(hits.unsqueeze(0)).square().sum({1, 2});
  EXPECT_GT((of_hits[0] / of_hits[1]).item<double>(), 10.0);
}

TEST(Hpss, SilenceStaysSilent) { EXPECT_EQ(largest(stems_of(torch::zeros({1, 5000}))), 0.0); }

TEST(Hpss, RefusesWhatItCannotUse) {
  EXPECT_THROW((void)stems_of(torch::zeros({100})), BaselineError);
  EXPECT_THROW((void)stems_of(torch::zeros({1, 0})), BaselineError);
  EXPECT_THROW((void)stems_of(torch::zeros({1, 5000}), {.harmonic_kernel = 30}), BaselineError);
  EXPECT_THROW((void)stems_of(torch::zeros({1, 5000}), {.percussive_kernel = -1}), BaselineError);
  EXPECT_THROW((void)hpss_masks(torch::zeros({10, 10})), BaselineError);
  torch::Tensor broken = torch::zeros({1, 5000});
  broken[0][77] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW((void)stems_of(broken), BaselineError);
}

}  // namespace
}  // namespace partita::baselines
