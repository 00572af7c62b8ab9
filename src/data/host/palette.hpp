#pragma once

#include <string>
#include <vector>

#include "grooves.hpp"
#include "partita/data/render.hpp"
#include "parts.hpp"
#include "sound_fonts.hpp"

namespace partita::data {

/// The SoundFont files of a data set.
struct FontFiles {
  std::vector<std::string> shared;    ///< heard in training and validation
  std::vector<std::string> held_out;  ///< heard in the test split alone
};

/// The files that `options` name, or else those that Debian's packages install: TimGM6mb is held out,
/// the others are shared. Throws UsageError for files that share samples across the two lists, and
/// DataError when the packages for the default are missing.
[[nodiscard]] FontFiles choose_fonts(const RenderOptions& options);

/// The loaded SoundFonts and what each split may use of them.
class Palette {
 public:
  explicit Palette(const FontFiles& files);

  [[nodiscard]] const SoundFonts& fonts() const { return fonts_; }
  [[nodiscard]] const FontFiles& files() const { return files_; }
  /// Fonts of a split with all General MIDI programs.
  [[nodiscard]] const std::vector<std::size_t>& melodic(Split split) const;
  /// Drum kits of a split; orchestral percussion and effects are left out.
  [[nodiscard]] const std::vector<Instrument>& kits(Split split) const;

 private:
  struct Choice {
    std::vector<std::size_t> melodic;
    std::vector<Instrument> kits;
  };
  [[nodiscard]] const Choice& choice(Split split) const;
  [[nodiscard]] Choice choose(std::size_t first, std::size_t last) const;

  FontFiles files_;
  SoundFonts fonts_;
  Choice shared_, held_out_;
};

/// General MIDI drum notes as the keys of a kit: the AVL kits have layouts of their own, and notes for
/// what such a kit lacks are left out.
[[nodiscard]] std::vector<Note> fit_to_kit(std::vector<Note> notes, const std::string& font_name);

}  // namespace partita::data
