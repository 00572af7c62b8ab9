#include "sound_fonts.hpp"

#include <fluidsynth.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "midi.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/data/error.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

struct DeleteSettings {
  void operator()(fluid_settings_t* settings) const { delete_fluid_settings(settings); }
};
struct DeleteSynth {
  void operator()(fluid_synth_t* synth) const { delete_fluid_synth(synth); }
};
using Settings = std::unique_ptr<fluid_settings_t, DeleteSettings>;
using Synth = std::unique_ptr<fluid_synth_t, DeleteSynth>;

constexpr double kGain = 0.5;
constexpr std::int64_t kSynthesised = 16384;  // samples

Settings make_settings(const Reverb& reverb) {
  Settings settings(new_fluid_settings());
  fluid_settings_setnum(settings.get(), "synth.sample-rate", SoundFonts::kSampleRate);
  fluid_settings_setnum(settings.get(), "synth.gain", kGain);
  fluid_settings_setint(settings.get(), "synth.cpu-cores", 1);
  fluid_settings_setint(settings.get(), "synth.polyphony", 128);
  fluid_settings_setint(settings.get(), "synth.lock-memory", 0);
  fluid_settings_setint(settings.get(), "synth.chorus.active", 0);
  fluid_settings_setint(settings.get(), "synth.reverb.active", reverb.level > 0.0 ? 1 : 0);
  fluid_settings_setnum(settings.get(), "synth.reverb.level", reverb.level);
  fluid_settings_setnum(settings.get(), "synth.reverb.room-size", reverb.room);
  return settings;
}

/// A synthesiser that borrows one font and gives it back.
class Player {
 public:
  Player(fluid_sfont_t* font, const Reverb& reverb)
      : settings_(make_settings(reverb)), synth_(new_fluid_synth(settings_.get())), font_(font) {
    if (synth_ == nullptr || fluid_synth_add_sfont(synth_.get(), font_) == FLUID_FAILED) {
      fail<DataError>("FluidSynth could not make a synthesiser; is there enough memory?");
    }
  }
  ~Player() {
    fluid_synth_all_sounds_off(synth_.get(), -1);
    std::array<float, 64> rest{};
    fluid_synth_write_float(synth_.get(), 64, rest.data(), 0, 1, rest.data(), 0, 1);
    fluid_synth_remove_sfont(synth_.get(), font_);
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  [[nodiscard]] fluid_synth_t* synth() const { return synth_.get(); }

 private:
  Settings settings_;
  Synth synth_;
  fluid_sfont_t* font_;
};

/// Messages that FluidSynth refuses (an off without its on) change nothing.
void send(fluid_synth_t* synth, int channel, const SoundEvent& event) {
  switch (event.kind) {
    case 0x80:
      fluid_synth_noteoff(synth, channel, event.data1);
      break;
    case 0x90:
      fluid_synth_noteon(synth, channel, event.data1, event.data2);
      break;
    case 0xB0:
      fluid_synth_cc(synth, channel, event.data1, event.data2);
      break;
    case 0xE0:
      fluid_synth_pitch_bend(synth, channel, event.data1 + 128 * event.data2);
      break;
    default:
      break;
  }
}

}  // namespace

struct SoundFonts::Impl {
  Settings settings;
  Synth owner;  ///< loads and frees the fonts; plays nothing
  std::vector<fluid_sfont_t*> fonts;
  std::vector<std::string> names;
};

SoundFonts::SoundFonts(const std::vector<std::string>& paths) : impl_(std::make_unique<Impl>()) {
  // FluidSynth's warnings (missing drivers, presets it replaces) are not the user's business.
  fluid_set_log_function(FLUID_WARN, nullptr, nullptr);
  fluid_set_log_function(FLUID_ERR, nullptr, nullptr);
  impl_->settings = make_settings({});
  impl_->owner.reset(new_fluid_synth(impl_->settings.get()));
  if (impl_->owner == nullptr)
    fail<DataError>("FluidSynth could not make a synthesiser; is there enough memory?");
  for (const auto& path : paths) {
    if (!fs::exists(path)) fail<DataError>("{}: no such SoundFont", path);
    const bool sound_font = fluid_is_soundfont(path.c_str()) != 0;
    const int id = sound_font ? fluid_synth_sfload(impl_->owner.get(), path.c_str(), 0) : FLUID_FAILED;
    if (id == FLUID_FAILED) fail<DataError>("{}: not a SoundFont that FluidSynth can load", path);
    impl_->fonts.push_back(fluid_synth_get_sfont_by_id(impl_->owner.get(), id));
    impl_->names.push_back(fs::path(path).filename().string());
  }
}

SoundFonts::~SoundFonts() = default;

std::size_t SoundFonts::size() const { return impl_->fonts.size(); }

const std::string& SoundFonts::name(std::size_t font) const { return impl_->names.at(font); }

std::vector<int> SoundFonts::programs(std::size_t font, int bank) const {
  std::vector<int> found;
  for (int program = 0; program < 128; ++program) {
    if (fluid_sfont_get_preset(impl_->fonts.at(font), bank, program) != nullptr) found.push_back(program);
  }
  return found;
}

std::string SoundFonts::preset_name(const Instrument& instrument) const {
  fluid_preset_t* preset =
      fluid_sfont_get_preset(impl_->fonts.at(instrument.font), instrument.bank, instrument.program);
  return preset == nullptr ? std::string() : fluid_preset_get_name(preset);
}

std::vector<float> SoundFonts::play(const Patch& patch, bool drums, const std::vector<SoundEvent>& events,
                                    std::int64_t samples) const {
  const Instrument& instrument = patch.instrument;
  const Player player(impl_->fonts.at(instrument.font), patch.reverb);
  fluid_synth_t* synth = player.synth();
  const int channel = drums ? kDrumChannel : 0;
  const int id = fluid_sfont_get_id(impl_->fonts.at(instrument.font));
  if (fluid_synth_program_select(synth, channel, id, instrument.bank, instrument.program) == FLUID_FAILED) {
    fail<DataError>("{}: has no program {} in bank {}", name(instrument.font), instrument.program,
                    instrument.bank);
  }
  // Kits play at the pitch they were recorded at: there linear interpolation differs from the seventh order
  // by -50 dB, no more than the default fourth order does, and takes two thirds of the time.
  const bool at_pitch = drums && patch.tuning == 0.0;
  fluid_synth_set_interp_method(synth, -1, at_pitch ? FLUID_INTERP_LINEAR : FLUID_INTERP_4THORDER);
  fluid_synth_set_gen(synth, channel, GEN_FINETUNE, static_cast<float>(patch.tuning));
  fluid_synth_set_gen(synth, channel, GEN_FILTERFC, static_cast<float>(patch.brightness));
  fluid_synth_set_gen(synth, channel, GEN_VOLENVRELEASE, static_cast<float>(patch.release));
  std::vector<float> mono(static_cast<std::size_t>(samples));
  std::vector<float> right(kSynthesised);
  std::int64_t position = 0;
  const auto render_to = [&](std::int64_t until) {
    while (position < until) {
      const std::int64_t count = std::min(kSynthesised, until - position);
      float* left = mono.data() + position;
      fluid_synth_write_float(synth, static_cast<int>(count), left, 0, 1, right.data(), 0, 1);
      for (std::int64_t i = 0; i < count; ++i)
        left[i] = 0.5F * (left[i] + right[static_cast<std::size_t>(i)]);
      position += count;
      throw_if_interrupted();
    }
  };
  for (const auto& event : events) {
    if (event.sample >= samples) break;
    render_to(event.sample);
    send(synth, channel, event);
  }
  render_to(samples);
  return mono;
}

}  // namespace partita::data
