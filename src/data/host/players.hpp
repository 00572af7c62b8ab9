#pragma once

#include "palette.hpp"
#include "piece.hpp"
#include "random.hpp"

namespace partita::data {

/// Draws the stems of one song: who plays, on what, how loosely and how loud. What is drawn depends on
/// the generator alone.
class Players {
 public:
  Players(const Palette& palette, Split split, Timbres timbres, Random& random);

  /// A drum stem from General MIDI drum notes.
  [[nodiscard]] Stem drummer(std::vector<Note> notes, double tempo);
  /// A stem of a General MIDI program's Slakh2100 class; other programs of the class may be drawn.
  [[nodiscard]] Stem player(int program, std::vector<Note> notes, double tempo);

 private:
  [[nodiscard]] Stem stem(std::string inst_class, const Patch& patch, std::vector<Note> notes, double tempo,
                          double level_db);
  [[nodiscard]] Instrument draw_kit();
  [[nodiscard]] int draw_program(int like);
  [[nodiscard]] Reverb draw_reverb(double chance);

  const Palette& palette_;
  Split split_;
  bool varied_;
  Random& random_;
  std::size_t plain_font_;
};

}  // namespace partita::data
