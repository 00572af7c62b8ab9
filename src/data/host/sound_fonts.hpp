#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace partita::data {

/// A channel message at a sample position: note on or off, controller, pitch bend.
struct SoundEvent {
  std::int64_t sample = 0;
  int kind = 0x90;  ///< the status byte without its channel
  int data1 = 0;
  int data2 = 0;
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

/// An instrument as one player has set it up. Offsets add to what the SoundFont says.
struct Patch {
  Instrument instrument;
  double tuning = 0.0;      ///< cents
  double brightness = 0.0;  ///< cents of the low-pass filter's cutoff
  double release = 0.0;     ///< time cents of the volume envelope's release
  Reverb reverb;
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
  /// Mono (mean of left and right), `samples` long, at 44.1 kHz; events in time order. Drum kits are
  /// played on channel 10, whatever bank they are in.
  [[nodiscard]] std::vector<float> play(const Patch& patch, bool drums, const std::vector<SoundEvent>& events,
                                        std::int64_t samples) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace partita::data
