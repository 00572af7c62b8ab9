#include "partita/data/render.hpp"

#include <spdlog/spdlog.h>

#include <memory>

#include "commands.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {

void add_render(CLI::App& app, Context& context) {
  auto options = std::make_shared<data::RenderOptions>();
  CLI::App* command =
      app.add_subcommand("render", "make a Slakh2100-shaped data set from MMA grooves and SoundFonts");
  command->add_option("-o,--output", options->output, "folder of the data set")->required();
  command->add_option("--songs", options->songs, "number of songs")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--seconds", options->seconds, "length of a song")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", options->seed, "seed")->capture_default_str();
  command->add_option("-j,--workers", options->workers, "processes; 0: one a core")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--validation", options->validation, "share of validation songs")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--test", options->test, "share of test songs")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--soundfont", options->soundfonts,
                      "SoundFont files; default: those that the Debian packages install");
  command->add_option(
      "--held-out-soundfont", options->held_out_soundfonts,
      "SoundFont files heard in the test split alone; default: TimGM6mb where no --soundfont is");
  command->add_option("--midi", options->midi, "folder of MIDI files to play instead of MMA's grooves")
      ->check(CLI::ExistingDirectory);
  using data::Timbres;
  command
      ->add_option("--timbres", options->timbres,
                   "varied, or plain: one kit, bass and piano a SoundFont, dry")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Timbres>{{"varied", Timbres::Varied}, {"plain", Timbres::Plain}},
          CLI::ignore_case));
  command->callback([options, &context] {
    Progress progress = context.progress();
    const data::RenderReport report = data::render(*options, progress);
    if (report.held_out_soundfonts.empty()) {
      spdlog::warn("no SoundFont is held out: the test split sounds like the training split");
    }
    if (report.midi_skipped > 0) {
      spdlog::warn("{} MIDI files skipped, {} used; the reasons: {}", report.midi_skipped, report.midi_files,
                   (options->output / "midi.json").string());
    }
    io::write_report({{"output", options->output.string()},
                      {"songs", options->songs},
                      {"seed", options->seed},
                      {"midi_files", report.midi_files},
                      {"midi_skipped", report.midi_skipped},
                      {"held_out_soundfonts", report.held_out_soundfonts}},
                     context.json);
  });
}

}  // namespace partita::cli
