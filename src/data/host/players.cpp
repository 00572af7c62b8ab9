#include "players.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "instrument_class.hpp"

namespace partita::data {
namespace {

/// General MIDI pianos 0 to 7: grand, bright, electric grand, honky-tonk, electric (two), harpsichord, clavi.
constexpr std::array<double, 8> kPianoWeights{4, 2, 2, 1, 2, 2, 0.7, 1};
/// General MIDI basses 32 to 39: acoustic, fingered, picked, fretless, slap (two), synth (two).
constexpr std::array<double, 8> kBassWeights{2, 4, 3, 2, 0.7, 0.7, 1.5, 1.5};
constexpr int kGrandPiano = 0;
constexpr int kFingerBass = 33;
constexpr double kKeptProgram = 0.6;  // of the classes without weights

constexpr double kDrumLevel = -19.0;  // dB
constexpr double kBassLevel = -20.0;
constexpr double kOtherLevel = -23.0;

Feel draw_feel(Random& random, double tempo) {
  const double ticks_per_second = tempo / 60.0 * kTicksPerQuarter;
  Feel feel;
  feel.jitter_ticks = random.uniform(0.0, 0.006) * ticks_per_second;
  feel.offset_ticks = random.uniform(-0.006, 0.010) * ticks_per_second;
  feel.velocity_spread = random.uniform(0.0, 8.0);
  feel.velocity_scale = random.uniform(0.85, 1.2);
  return feel;
}

/// How often a kit is drawn: real kits and the standard ones more than their variants.
double weight_of(const Instrument& kit) {
  if (kit.bank != SoundFonts::kDrumBank) return 5.0;
  return kit.program == 0 ? 3.0 : 1.0;
}

}  // namespace

Players::Players(const Palette& palette, Split split, Timbres timbres, Random& random)
    : palette_(palette),
      split_(split),
      varied_(timbres == Timbres::Varied),
      random_(random),
      plain_font_(random.pick(palette.melodic(split))) {}

Stem Players::drummer(std::vector<Note> notes, double tempo) {
  Patch patch;
  patch.instrument = {plain_font_, SoundFonts::kDrumBank, 0};
  if (varied_) {
    patch.instrument = draw_kit();
    patch.tuning = random_.chance(0.25) ? 60.0 * random_.bell() : 0.0;
    patch.brightness = random_.chance(0.4) ? random_.uniform(-2400.0, 0.0) : 0.0;
    patch.reverb = draw_reverb(0.35);
    notes = fit_to_kit(std::move(notes), palette_.fonts().name(patch.instrument.font));
  }
  Stem drums = stem(kDrumClass, patch, std::move(notes), tempo, kDrumLevel);
  drums.drums = true;
  return drums;
}

Stem Players::player(int program, std::vector<Note> notes, double tempo) {
  const std::string inst_class = class_of_program(program);
  const bool bass = inst_class == "Bass";
  Patch patch;
  patch.instrument = {plain_font_, 0, bass ? kFingerBass : inst_class == "Piano" ? kGrandPiano : program};
  if (varied_) {
    patch.instrument = {random_.pick(palette_.melodic(split_)), 0, draw_program(program)};
    patch.tuning = 8.0 * random_.bell();
    patch.brightness = random_.chance(0.5) ? random_.uniform(-2400.0, 600.0) : 0.0;
    patch.release = random_.chance(0.3) ? random_.uniform(-1200.0, 600.0) : 0.0;
    patch.reverb = draw_reverb(bass ? 0.1 : 0.4);
  }
  return stem(inst_class, patch, std::move(notes), tempo, bass ? kBassLevel : kOtherLevel);
}

Stem Players::stem(std::string inst_class, const Patch& patch, std::vector<Note> notes, double tempo,
                   double level_db) {
  const Feel feel = draw_feel(random_, tempo);
  Stem stem;
  stem.inst_class = std::move(inst_class);
  stem.patch = patch;
  stem.events = events_of(humanise(random_, std::move(notes), feel), 0);
  stem.level_db = level_db + 2.5 * std::clamp(random_.bell(), -2.0, 2.0);
  return stem;
}

Instrument Players::draw_kit() {
  const std::vector<Instrument>& kits = palette_.kits(split_);
  std::vector<double> weights;
  weights.reserve(kits.size());
  std::transform(kits.begin(), kits.end(), std::back_inserter(weights), weight_of);
  return kits[random_.weighted(weights)];
}

int Players::draw_program(int like) {
  const int first = like - like % kProgramsPerClass;
  if (first == kGrandPiano) return first + static_cast<int>(random_.weighted(kPianoWeights));
  if (class_of_program(like) == "Bass") return first + static_cast<int>(random_.weighted(kBassWeights));
  return random_.chance(kKeptProgram) ? like : first + random_.integer(0, kProgramsPerClass - 1);
}

Reverb Players::draw_reverb(double chance) {
  if (!random_.chance(chance)) return {};
  return {random_.uniform(0.05, 0.4), random_.uniform(0.1, 0.6)};
}

}  // namespace partita::data
