#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace partita::data {

/// The SoundFonts that Debian's packages install, those that exist. Throws DataError when none does.
[[nodiscard]] std::vector<std::string> installed_sound_fonts();

/// A note message at a sample position.
struct SoundEvent {
  std::int64_t sample = 0;
  int key = 60;
  int velocity = 0;  ///< 0: note off
};

/// What a stem is played with.
struct Instrument {
  std::size_t font = 0;
  int bank = 0;  ///< 128 for drum kits
  int program = 0;
};

/// Room of the synthesiser's reverb; level 0 turns it off.
struct Reverb {
  double level = 0.0;
  double room = 0.2;
};

/// SoundFonts held in memory and played by FluidSynth, offline. Loaded once; every `play` starts from
/// a fresh synthesiser, so that its result depends on its arguments alone.
class SoundFonts {
 public:
  static constexpr int kSampleRate = 44100;
  static constexpr int kDrumBank = 128;

  /// Throws DataError for a file that is missing or no SoundFont.
  explicit SoundFonts(const std::vector<std::string>& paths);
  ~SoundFonts();
  SoundFonts(const SoundFonts&) = delete;
  SoundFonts& operator=(const SoundFonts&) = delete;

  [[nodiscard]] std::size_t size() const;
  /// File name without folder.
  [[nodiscard]] const std::string& name(std::size_t font) const;
  /// Programs that a bank of a font has, sorted.
  [[nodiscard]] std::vector<int> programs(std::size_t font, int bank) const;
  [[nodiscard]] std::string preset_name(const Instrument& instrument) const;
  /// Mono (mean of left and right), `samples` long, at 44.1 kHz; events in time order.
  [[nodiscard]] std::vector<float> play(const Instrument& instrument, const Reverb& reverb,
                                        const std::vector<SoundEvent>& events, std::int64_t samples) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace partita::data
