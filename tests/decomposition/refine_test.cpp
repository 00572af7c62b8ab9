#include "partita/decomposition/refine.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/signals.hpp"
#include "support/tiny_model.hpp"

namespace partita::decomposition {
namespace {

constexpr audio::StftOptions kGrid{2048, 512};

ComponentSpectra flat(std::initializer_list<double> levels, std::int64_t bins = 513,
                      std::int64_t frames = 10) {
  const torch::Tensor power = torch::tensor(std::vector<double>(levels), torch::kFloat32);
  return {power.view({-1, 1, 1}).repeat({1, bins, frames}), 12000.0, 75.0};
}

/// Power spectra `[source, bin, frame]` as a codec of 24 kHz and 75 Hz would know them.
ComponentSpectra true_spectra(const torch::Tensor& sources) {
  const audio::Stft stft({960, 320});
  return {stft.forward(sources).abs().square(), 12000.0, 75.0};
}

/// Sources `[source, sample]` as their own power masks on the song's STFT give them back.
torch::Tensor ideally_masked(const torch::Tensor& sources, int rate) {
  const std::int64_t window = scaled_window(2048, rate);
  const audio::Stft stft({window, window / 4});
  const torch::Tensor power = stft.forward(sources).abs().square();
  const torch::Tensor masks = power / power.sum(0, true).clamp_min(1e-12);
  return stft.inverse(masks * stft.forward(sources.sum(0)), sources.size(1));
}

double signal_to_noise(const torch::Tensor& truth, const torch::Tensor& estimate) {
  return 10.0 * std::log10((truth.square().sum() / (truth - estimate).square().sum()).item<double>());
}

TEST(ScaledWindow, FollowsTheRate) {
  EXPECT_EQ(scaled_window(2048, 44100), 2048);
  EXPECT_EQ(scaled_window(2048, 48000), 2048);
  EXPECT_EQ(scaled_window(2048, 96000), 4096);
  EXPECT_EQ(scaled_window(2048, 24000), 1024);
  EXPECT_EQ(scaled_window(2048, 8000), 512);
  EXPECT_EQ(scaled_window(2048, 1), 16);
  EXPECT_THROW((void)scaled_window(0, 44100), DecompositionError);
}

TEST(WienerMasks, AddUpToOneAndFollowThePower) {
  for (const int rate : {8000, 24000, 44100, 96000}) {
    const torch::Tensor squared = wiener_masks(flat({9.0, 1.0}), rate, kGrid, 7, 2.0);
    EXPECT_EQ(squared.sizes().vec(), (std::vector<std::int64_t>{2, 1025, 7}));
    EXPECT_LT(distance(squared[0], torch::full({1025, 7}, 0.9)), 1e-6);
    const torch::Tensor linear = wiener_masks(flat({9.0, 1.0}), rate, kGrid, 7, 1.0);
    EXPECT_LT(distance(linear[0], torch::full({1025, 7}, 0.75)), 1e-6);
  }
}

TEST(WienerMasks, AreEqualWhereNothingIs) {
  const torch::Tensor masks = wiener_masks(flat({0.0, 0.0, 0.0}), 44100, kGrid, 3, 2.0);
  EXPECT_LT(distance(masks, torch::full({3, 1025, 3}, 1.0 / 3.0)), 1e-6);
  const torch::Tensor negative = wiener_masks(flat({-1.0, 2.0}), 44100, kGrid, 3, 2.0);
  EXPECT_LT(distance(negative[1], torch::ones({1025, 3})), 1e-6);
}

TEST(WienerMasks, ContinueAboveTheBandWithItsTopOctave) {
  ComponentSpectra spectra = flat({1.0, 1.0});
  spectra.power[0].slice(0, 240, 513).fill_(4.0);
  const torch::Tensor masks = wiener_masks(spectra, 44100, kGrid, 4, 2.0);
  EXPECT_NEAR(masks[0][100][0].item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(masks[0][1024][3].item<double>(), 0.8, 1e-6);
  EXPECT_NEAR(masks[0][600][3].item<double>(), 0.8, 1e-6);  // 12.9 kHz
}

TEST(WienerMasks, InterpolateInTimeAndHoldTheEnds) {
  ComponentSpectra spectra = flat({1.0, 1.0}, 513, 2);
  spectra.power[0].select(1, 1).fill_(3.0);
  // 48 kHz, hop 320: two song frames a codec frame.
  const torch::Tensor mask = wiener_masks(spectra, 48000, {1280, 320}, 6, 2.0)[0][10];
  EXPECT_NEAR(mask[0].item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(mask[1].item<double>(), 2.0 / 3.0, 1e-6);
  EXPECT_NEAR(mask[2].item<double>(), 0.75, 1e-6);
  EXPECT_NEAR(mask[5].item<double>(), 0.75, 1e-6);
}

TEST(WienerMasks, RefuseWhatIsNoSpectrum) {
  EXPECT_THROW((void)wiener_masks({torch::ones({2, 3}), 12000.0, 75.0}, 44100, kGrid, 3, 2.0),
               DecompositionError);
  EXPECT_THROW((void)wiener_masks({torch::ones({2, 3, 0}), 12000.0, 75.0}, 44100, kGrid, 3, 2.0),
               DecompositionError);
  EXPECT_THROW((void)wiener_masks({torch::ones({2, 3, 4}), 0.0, 75.0}, 44100, kGrid, 3, 2.0),
               DecompositionError);
  EXPECT_THROW((void)wiener_masks(flat({1.0, 1.0}), 44100, kGrid, 3, 0.0), DecompositionError);
  EXPECT_THROW((void)refine(torch::ones({10}), 44100, flat({1.0, 1.0})), DecompositionError);
}

TEST(Refine, AddsUpAtEveryLengthRateAndChannelCount) {
  for (const int rate : {8000, 44100, 96000}) {
    for (const std::int64_t length : {1, 2, 1000, 30001}) {
      for (const std::int64_t channels : {1, 2, 7}) {
        const torch::Tensor song = torch::rand({channels, length}, make_generator(1, "song")) * 2.0 - 1.0;
        ComponentSpectra spectra = flat({1.0, 1.0, 1.0});
        spectra.power = torch::rand(spectra.power.sizes(), make_generator(2, "power"));
        const torch::Tensor stems = refine(song, rate, spectra);
        ASSERT_EQ(stems.sizes().vec(), (std::vector<std::int64_t>{3, channels, length}));
        EXPECT_LE(distance(stems.sum(0, false, torch::kFloat64), song), 5e-7);
      }
    }
  }
}

TEST(Refine, IdealSpectraDoAsWellAsIdealMasks) {
  const torch::Tensor sources =
      torch::stack({support::drums_like(2.0, 24000), support::bass_like(2.0, 24000)});
  const torch::Tensor ideal = ideally_masked(sources, 24000);
  const torch::Tensor stems = refine(sources.sum(0, true), 24000, true_spectra(sources)).squeeze(1);
  // The codec's grid differs from the song's; a wrong axis or a shift in time costs several dB.
  for (std::int64_t i = 0; i < 2; ++i) {
    EXPECT_GT(signal_to_noise(sources[i], stems[i]), signal_to_noise(sources[i], ideal[i]) - 1.0);
  }
}

TEST(Refine, IdealSpectraWorkAtAnotherRate) {
  const torch::Tensor coarse =
      torch::stack({support::drums_like(2.0, 24000), support::bass_like(2.0, 24000)});
  const torch::Tensor fine = torch::stack({support::drums_like(2.0, 48000), support::bass_like(2.0, 48000)});
  const torch::Tensor stems = refine(fine.sum(0, true), 48000, true_spectra(coarse)).squeeze(1);
  EXPECT_GT(signal_to_noise(fine[1], stems[1]),
            signal_to_noise(fine[1], ideally_masked(fine, 48000)[1]) - 1.0);
}

TEST(Refine, SourcesInBandsOfTheirOwnComeBack) {
  const torch::Tensor bass = support::bass_like(2.0, 24000);
  const torch::Tensor time = torch::arange(48000, torch::kFloat64) / 24000.0;
  const torch::Tensor bells = (0.3 * (2 * M_PI * 3000.0 * time).sin() * (-4.0 * time.remainder(0.5)).exp());
  const torch::Tensor sources = torch::stack({bells.to(torch::kFloat32), bass});
  const torch::Tensor stems = refine(sources.sum(0, true), 24000, true_spectra(sources)).squeeze(1);
  EXPECT_GT(signal_to_noise(sources[0], stems[0]), 20.0);
  EXPECT_GT(signal_to_noise(sources[1], stems[1]), 20.0);
}

TEST(ShareResidual, LeavesOnlyRounding) {
  const torch::Tensor mixture = torch::rand({2, 100}, make_generator(3, "mixture"));
  const torch::Tensor stems = torch::rand({4, 2, 100}, make_generator(4, "stems"));
  const torch::Tensor shared = share_residual(stems, mixture);
  EXPECT_LT(distance(shared.sum(0, false, torch::kFloat64), mixture), 5e-7);
  EXPECT_LT(distance(shared[0] - stems[0], shared[3] - stems[3]), 1e-6);
}

}  // namespace
}  // namespace partita::decomposition
