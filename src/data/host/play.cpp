#include "play.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace partita::data {
namespace {

constexpr double kCeiling = 0.95;     // highest peak of the mix and of every stem
constexpr double kSilence = 1e-5;     // RMS under which a stem is no stem
constexpr double kSounding = 1e-4;    // share of the loudest block's energy that a sounding block has
constexpr std::size_t kMixed = 4096;  // samples

/// RMS over the blocks in which a stem sounds, so that a part of few notes is no louder than the others.
double loudness_of(const std::vector<float>& samples) {
  std::vector<double> energies;
  for (std::size_t at = 0; at < samples.size(); at += kMixed) {
    const std::size_t end = std::min(samples.size(), at + kMixed);
    float sum = 0.0F;
    for (std::size_t i = at; i < end; ++i) sum += samples[i] * samples[i];
    energies.push_back(static_cast<double>(sum) / static_cast<double>(end - at));
  }
  const double threshold = kSounding * *std::max_element(energies.begin(), energies.end());
  double sum = 0.0;
  std::int64_t count = 0;
  for (const double energy : energies) {
    if (energy < threshold) continue;
    sum += energy;
    ++count;
  }
  return std::sqrt(sum / static_cast<double>(std::max<std::int64_t>(1, count)));
}

float peak(const std::vector<float>& samples) {
  float highest = 0.0F;
  for (const float sample : samples) highest = std::max(highest, std::abs(sample));
  return highest;
}

void scale(std::vector<float>& samples, double factor) {
  const auto by = static_cast<float>(factor);
  for (float& sample : samples) sample *= by;
}

std::vector<float> sum_of(const std::vector<Stem>& stems) {
  std::vector<float> mix = stems.front().samples;
  for (std::size_t stem = 1; stem < stems.size(); ++stem) {
    const std::vector<float>& samples = stems[stem].samples;
    for (std::size_t i = 0; i < mix.size(); ++i) mix[i] += samples[i];
  }
  return mix;
}

/// Plays one stem at its level; false when it is silent.
bool play_stem(const SoundFonts& fonts, Stem& stem, const TempoMap& tempo, std::int64_t samples) {
  std::vector<SoundEvent> events;
  events.reserve(stem.events.size());
  for (const auto& event : stem.events) {
    events.push_back({std::llround(tempo.seconds(event.tick) * SoundFonts::kSampleRate), event.kind(),
                      event.data1, event.data2});
  }
  stem.samples = fonts.play(stem.patch, stem.drums, events, samples);
  const double loudness = loudness_of(stem.samples);
  if (loudness < kSilence) return false;
  scale(stem.samples, std::pow(10.0, stem.level_db / 20.0) / loudness);
  return true;
}

}  // namespace

std::vector<float> play(const SoundFonts& fonts, Piece& piece) {
  const TempoMap tempo({kTicksPerQuarter, piece.tempos, {}});
  const auto samples = static_cast<std::int64_t>(std::llround(piece.seconds * SoundFonts::kSampleRate));
  std::vector<Stem> sounding;
  for (auto& stem : piece.stems) {
    if (play_stem(fonts, stem, tempo, samples)) sounding.push_back(std::move(stem));
  }
  if (sounding.size() < piece.fewest_stems) return {};
  piece.stems = std::move(sounding);
  std::vector<float> mix = sum_of(piece.stems);
  float highest = peak(mix);
  for (const auto& stem : piece.stems) highest = std::max(highest, peak(stem.samples));
  if (highest > kCeiling) {
    for (auto& stem : piece.stems) scale(stem.samples, kCeiling / highest);
    mix = sum_of(piece.stems);
  }
  return mix;
}

}  // namespace partita::data
