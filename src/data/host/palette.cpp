#include "palette.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <utility>

#include "partita/data/error.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr int kHighestKit = 47;  // above: orchestral percussion and effects

constexpr std::array kSharedFonts{
    "/usr/share/sounds/sf2/FluidR3_GM.sf2", "/usr/share/sounds/sf3/MuseScore_General_Lite.sf3",
    "/usr/share/sounds/sf2/Black_Pearl_4_LV2.sf2", "/usr/share/sounds/sf2/Red_Zeppelin_4_LV2.sf2"};
constexpr const char* kHeldOutFont = "/usr/share/sounds/sf2/TimGM6mb.sf2";

/// Fonts of one family share recordings: MuseScore's grew out of FluidR3, csound's bank has two thirds of
/// TimGM6mb's samples, the two AVL kits have one hi-hat.
constexpr std::array<std::array<const char*, 2>, 6> kFamilies{{{"FluidR3", "Fluid"},
                                                               {"MuseScore_General", "Fluid"},
                                                               {"TimGM6mb", "TimGM"},
                                                               {"sf_GMbank", "TimGM"},
                                                               {"Black_Pearl", "AVL"},
                                                               {"Red_Zeppelin", "AVL"}}};

/// The family of a font by its file's name; a name that is not known is a family of its own.
std::string font_family(const std::string& path) {
  std::string name = fs::path(path).filename().string();
  for (const auto& [prefix, family] : kFamilies) {
    if (name.rfind(prefix, 0) == 0) return family;
  }
  return name;
}

bool is_kit_alone(const std::string& name) { return font_family(name) == "AVL"; }

FontFiles installed_fonts() {
  FontFiles files;
  for (const char* path : kSharedFonts) {
    if (fs::exists(path)) files.shared.emplace_back(path);
  }
  if (fs::exists(kHeldOutFont)) files.held_out.emplace_back(kHeldOutFont);
  const bool melodic = std::any_of(files.shared.begin(), files.shared.end(),
                                   [](const std::string& path) { return !is_kit_alone(path); });
  if (!melodic || files.held_out.empty()) {
    fail<DataError>(
        "SoundFonts are missing: expected {} for the test split and at least one of {} and {} for the "
        "others; run scripts/install-packages.sh render, or name SoundFont files",
        kHeldOutFont, kSharedFonts[0], kSharedFonts[1]);
  }
  return files;
}

}  // namespace

FontFiles choose_fonts(const RenderOptions& options) {
  FontFiles files{options.soundfonts, options.held_out_soundfonts};
  if (files.shared.empty() && files.held_out.empty()) return installed_fonts();
  if (files.shared.empty()) {
    fail<UsageError>("SoundFonts are held out ({}), but none is named for training",
                     fmt::join(files.held_out, ", "));
  }
  for (const auto& held_out : files.held_out) {
    for (const auto& shared : files.shared) {
      if (font_family(shared) != font_family(held_out)) continue;
      fail<UsageError>("{} and {} share their recordings: hold out both or neither", shared, held_out);
    }
  }
  return files;
}

Palette::Palette(const FontFiles& files)
    : files_(files), fonts_([&] {
        std::vector<std::string> all = files.shared;
        all.insert(all.end(), files.held_out.begin(), files.held_out.end());
        return all;
      }()) {
  shared_ = choose(0, files.shared.size());
  held_out_ = files.held_out.empty() ? shared_ : choose(files.shared.size(), fonts_.size());
}

Palette::Choice Palette::choose(std::size_t first, std::size_t last) const {
  Choice choice;
  for (std::size_t font = first; font < last; ++font) {
    if (is_kit_alone(fonts_.name(font))) {
      choice.kits.push_back({font, 0, 0});
      continue;
    }
    choice.melodic.push_back(font);
    for (const int kit : fonts_.programs(font, SoundFonts::kDrumBank)) {
      if (kit <= kHighestKit) choice.kits.push_back({font, SoundFonts::kDrumBank, kit});
    }
  }
  if (choice.melodic.empty() || choice.kits.empty()) {
    fail<DataError>("the SoundFonts {}have no {}: name one with General MIDI's programs and kits",
                    first > 0 ? "that are held out " : "",
                    choice.kits.empty() ? "drum kit" : "melodic programs");
  }
  return choice;
}

const Palette::Choice& Palette::choice(Split split) const {
  return split == Split::Test ? held_out_ : shared_;
}

const std::vector<std::size_t>& Palette::melodic(Split split) const { return choice(split).melodic; }

const std::vector<Instrument>& Palette::kits(Split split) const { return choice(split).kits; }

std::vector<Note> fit_to_kit(std::vector<Note> notes, const std::string& font_name) {
  if (!is_kit_alone(font_name)) return notes;
  // Kick 2, three toms, the Chinese cymbal, shakers; −1: no such sound in the kit.
  static const std::map<int, int> keys{{35, 36}, {48, 47}, {50, 47}, {52, 60}, {58, -1},
                                       {60, -1}, {64, -1}, {69, 64}, {70, 64}, {82, 64}};
  std::vector<Note> kept;
  kept.reserve(notes.size());
  for (Note& note : notes) {
    const auto place = keys.find(note.key);
    if (place != keys.end())
      note.key = place->second;
    else if (note.key < 36 || note.key > 59)
      continue;
    if (note.key >= 0) kept.push_back(note);
  }
  return kept;
}

}  // namespace partita::data
