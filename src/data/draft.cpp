#include "draft.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

namespace partita::data {
namespace {

constexpr std::array<const char*, 12> kSharps{"C",  "C#", "D",  "D#", "E",  "F",
                                              "F#", "G",  "G#", "A",  "A#", "B"};
constexpr std::array<const char*, 12> kFlats{"C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"};
/// Tonics of major keys written with flats: F, Bb, Eb, Ab, Db, Gb.
constexpr std::array<bool, 12> kFlatKey{false, true,  false, true,  false, true,
                                        true,  false, true,  false, true,  false};

constexpr std::array<int, 7> kMajorScale{0, 2, 4, 5, 7, 9, 11};
constexpr std::array<int, 7> kMinorScale{0, 2, 3, 5, 7, 8, 10};
constexpr std::array<const char*, 7> kMajorTriads{"", "m", "m", "", "", "m", "dim"};
constexpr std::array<const char*, 7> kMajorSevenths{"M7", "m7", "m7", "M7", "7", "m7", "m7b5"};
constexpr std::array<const char*, 7> kMinorTriads{"m", "dim", "", "m", "", "", ""};
constexpr std::array<const char*, 7> kMinorSevenths{"m7", "m7b5", "M7", "m7", "7", "M7", "7"};

/// How often one degree follows another (rows: from I to VII), after common practice.
constexpr std::array<std::array<double, 7>, 7> kFollows{{{1, 2, 1, 4, 4, 4, 0.3},
                                                         {1, 0.3, 0.5, 1, 6, 0.5, 0.5},
                                                         {0.5, 1, 0.2, 3, 0.5, 4, 0},
                                                         {3, 2, 0.5, 0.5, 5, 1, 0.5},
                                                         {6, 0.5, 0.5, 1.5, 0.5, 3, 0},
                                                         {1, 3, 1, 4, 3, 0.3, 0},
                                                         {5, 0, 1, 0, 0.5, 1, 0}}};

/// The habits of one song.
struct Harmony {
  Key key;
  double sevenths = 0.0;
  double dominants = 0.0;  ///< secondary dominants
  double borrowed = 0.0;
  double halves = 0.0;  ///< bars with two chords
};

std::string pitch_name(const Key& key, int pitch) {
  const auto relative_major = static_cast<std::size_t>((key.tonic + (key.minor ? 3 : 0)) % 12);
  const auto pitch_class = static_cast<std::size_t>(((pitch % 12) + 12) % 12);
  return kFlatKey[relative_major] ? kFlats[pitch_class] : kSharps[pitch_class];
}

std::string chord_of(Random& random, const Harmony& harmony, std::size_t degree) {
  const Key& key = harmony.key;
  const bool seventh = random.chance(harmony.sevenths);
  const bool borrow = random.chance(harmony.borrowed);
  const int root = key.tonic + (key.minor ? kMinorScale : kMajorScale)[degree];
  if (borrow && !key.minor && degree == 3) return pitch_name(key, root) + (seventh ? "m7" : "m");
  if (borrow && !key.minor && degree == 6) return pitch_name(key, root - 1) + (seventh ? "7" : "");
  if (borrow && degree == 4) return pitch_name(key, root) + (key.minor ? "m7" : "sus4");
  const auto& qualities =
      key.minor ? (seventh ? kMinorSevenths : kMinorTriads) : (seventh ? kMajorSevenths : kMajorTriads);
  return pitch_name(key, root) + qualities[degree];
}

/// A section of `count` bars: starts at home more often than not, ends on a cadence.
std::vector<Bar> draw_section(Random& random, const Harmony& harmony, std::size_t count) {
  const Key& key = harmony.key;
  std::size_t degree = random.weighted(std::array<double, 7>{6, 1, 0.5, 2, 0.5, 2, 0});
  std::vector<Bar> bars;
  bars.reserve(count);
  for (std::size_t bar = 0; bar < count; ++bar) {
    if (bar + 1 == count) degree = random.weighted(std::array<double, 7>{2, 0.3, 0, 1, 5, 0.3, 0.3});
    Bar chords{chord_of(random, harmony, degree)};
    const std::size_t next = random.weighted(kFollows[degree]);
    if (random.chance(harmony.halves)) {
      if (next != 0 && random.chance(harmony.dominants)) {
        const int target = key.tonic + (key.minor ? kMinorScale : kMajorScale)[next];
        chords.push_back(pitch_name(key, target + 7) + "7");
      } else {
        degree = next;
        chords.push_back(chord_of(random, harmony, degree));
      }
    }
    degree = chords.size() == 2 ? random.weighted(kFollows[degree]) : next;
    bars.push_back(std::move(chords));
  }
  return bars;
}

std::string bar_line(int number, const Bar& chords, int beats) {
  std::string line = fmt::format("{} {}", number, chords.front());
  if (chords.size() < 2) return line;
  for (int beat = 1; beat < (beats + 1) / 2; ++beat) line += " /";
  return line + " " + chords[1];
}

/// A pattern over the eighths of a bar, entries made by `entry(position, velocity)`.
template <class Entry>
std::string draw_pattern(Random& random, int beats, double on_beat, double off_beat, Entry entry) {
  std::string pattern;
  for (int eighth = 0; eighth < 2 * beats; ++eighth) {
    const bool first = eighth == 0;
    if (!first && !random.chance(eighth % 2 == 0 ? on_beat : off_beat)) continue;
    if (!first) pattern += "; ";
    pattern += entry(fmt::format("{:g}", 1.0 + eighth / 2.0), random.integer(70, 105));
  }
  return "{" + pattern + "}";
}

std::string draw_bass_part(Random& random, int beats) {
  constexpr std::array<const char*, 4> degrees{"1", "5", "3", "1+"};
  const std::string pattern =
      draw_pattern(random, beats, 0.6, 0.25, [&](const std::string& beat, int velocity) {
        const bool root = beat == "1" || random.chance(0.5);
        const char* degree = root ? degrees[0] : random.pick(degrees);
        return fmt::format("{} {} {} {}", beat, random.chance(0.6) ? "4" : "8", degree, velocity);
      });
  return fmt::format("Begin Bass-Added\n  Voice FingeredBass\n  Sequence {}\nEnd\n", pattern);
}

std::string draw_chord_part(Random& random, int beats) {
  const std::string pattern =
      draw_pattern(random, beats, 0.4, 0.25, [&](const std::string& beat, int velocity) {
        return fmt::format("{} {} {}", beat, random.chance(0.5) ? "4" : "8", velocity);
      });
  return fmt::format("Begin Chord-Added\n  Voice Piano1\n  Voicing Mode=Optimal\n  Sequence {}\nEnd\n",
                     pattern);
}

constexpr const char* kParts = "// parts\n";

/// Writes bars section by section, changing groove and key where the form says so.
class Writer {
 public:
  Writer(Random& random, SongDraft& draft, const Harmony& harmony)
      : random_(random), draft_(draft), harmony_(harmony) {}

  void write() {
    constexpr std::array<const char*, 6> forms{"AABA", "ABAB", "AAAB", "AABB", "ABAC", "A"};
    const std::string form = random_.pick(forms);
    const std::size_t length = random_.chance(0.5) ? 4 : 8;
    const double key_change = random_.chance(0.5) ? 0.4 : 0.0;
    std::map<char, std::vector<Bar>> sections;
    for (std::size_t place = 0; number_ <= draft_.bars; ++place) {
      const char name = form[place % form.size()];
      if (place > 0 && place % form.size() == 0 && random_.chance(key_change)) {
        constexpr std::array<int, 6> steps{1, 2, 3, 5, 7, 9};
        harmony_.key.tonic = (harmony_.key.tonic + random_.pick(steps)) % 12;
        sections.clear();
      }
      if (sections.count(name) == 0) sections[name] = draw_section(random_, harmony_, length);
      write_section(sections[name], name == 'A' ? draft_.groove : draft_.second);
    }
  }

 private:
  void write_section(const std::vector<Bar>& bars, const Groove& groove) {
    use(groove);
    for (std::size_t i = 0; i < bars.size() && number_ <= draft_.bars; ++i) {
      if (i + 1 == bars.size() && !draft_.fill.name.empty() && random_.chance(0.6)) use(draft_.fill);
      draft_.text += bar_line(number_++, bars[i], groove.beats) + "\n";
    }
  }

  void use(const Groove& groove) {
    if (groove.name == current_) return;
    draft_.text += fmt::format("Groove {}:{}\n{}", draft_.library, groove.name, kParts);
    if (current_.empty()) draft_.text += fmt::format("Tempo {}\n", draft_.tempo);
    current_ = groove.name;
  }

  Random& random_;
  SongDraft& draft_;
  Harmony harmony_;
  std::string current_;
  int number_ = 1;
};

/// A groove of the same bar length as `like`, which is returned when there is no other.
Groove draw_groove(Random& random, const std::vector<Groove>& grooves, const Groove& like) {
  const Groove& drawn = random.pick(grooves);
  return drawn.beats == like.beats ? drawn : like;
}

}  // namespace

std::string name_of(const Key& key) { return pitch_name(key, key.tonic) + (key.minor ? " minor" : " major"); }

std::string SongDraft::with_parts(bool bass, bool chords) const {
  const std::string parts = (bass ? bass_part : std::string()) + (chords ? chord_part : std::string());
  const std::string mark = kParts;
  std::string all = text;
  for (std::size_t at = all.find(mark); at != std::string::npos; at = all.find(mark, at + parts.size())) {
    all.replace(at, mark.size(), parts);
  }
  return all;
}

SongDraft draw_song(Random& random, const GrooveFile& file, double seconds) {
  SongDraft draft;
  draft.library = file.library;
  draft.groove = random.pick(file.main);
  draft.second = random.chance(0.5) ? draw_groove(random, file.main, draft.groove) : draft.groove;
  if (!file.fills.empty() && random.chance(0.6)) {
    draft.fill = draw_groove(random, file.fills, draft.groove);
  }
  draft.tempo = random.integer(70, 170);
  const double bar_seconds = 60.0 * draft.groove.beats / draft.tempo;
  draft.bars = std::max(2, static_cast<int>(std::floor(seconds / bar_seconds)));
  draft.key = {random.integer(0, 11), random.chance(0.4)};
  Harmony harmony;
  harmony.key = draft.key;
  harmony.sevenths = random.chance(0.3) ? random.uniform(0.6, 1.0) : random.uniform(0.0, 0.3);
  harmony.dominants = random.uniform(0.0, 0.6);
  harmony.borrowed = random.uniform(0.0, 0.25);
  harmony.halves = random.uniform(0.0, 0.5);
  draft.bass_part = draw_bass_part(random, draft.groove.beats);
  draft.chord_part = draw_chord_part(random, draft.groove.beats);
  draft.text = fmt::format("RndSeed {}\nKeySig {} {}\n", random.integer(1, 1000000000),
                           pitch_name(draft.key, draft.key.tonic), draft.key.minor ? "Minor" : "Major");
  Writer(random, draft, harmony).write();
  return draft;
}

}  // namespace partita::data
