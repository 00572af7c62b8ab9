#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "commands.hpp"
#include "host/prior_options.hpp"
#include "partita/base/device.hpp"
#include "partita/evaluation/plot.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/report.hpp"
#include "partita/recomposition/song.hpp"

namespace partita::cli {
namespace {

using recomposition::Recomposition;

/// How much of a result its picture shows.
constexpr double kPictureSeconds = 20.0;

/// What generate, vary and accompany share.
struct RecomposeArguments {
  std::string model = "drums-bass", device = "cpu";
  std::filesystem::path output;
  recomposition::RecomposerOptions recomposer;
  recomposition::OutputOptions result;
  bool flac = false, picture = true;

  std::filesystem::path song;     // vary, accompany
  std::vector<std::string> made;  // vary
  std::string given;              // accompany
  double seconds = 20.0;          // generate
};

using Make = std::function<std::vector<Recomposition>(recomposition::Recomposer&, const RecomposeArguments&,
                                                      Progress&)>;

io::Json to_json(const Recomposition& made) {
  io::Json parts = io::Json::array();
  for (const recomposition::Part& part : made.parts) {
    parts.push_back(
        {{"name", part.name}, {"file", part.file.string()}, {"made", part.made}, {"gain", part.gain}});
  }
  return {{"mix", made.mix.string()},  {"parts", parts},        {"sample_rate", made.sample_rate},
          {"channels", made.channels}, {"frames", made.frames}, {"clipped", made.clipped}};
}

void draw(const Recomposition& made, const std::filesystem::path& png) {
  std::vector<evaluation::SpectrogramPanel> panels;
  const auto add = [&](const std::string& title, const std::filesystem::path& file) {
    const audio::Waveform wave = audio::read_waveform(file, kPictureSeconds);
    panels.push_back({title, wave.samples.mean(0), wave.sample_rate});
  };
  add("mix", made.mix);
  for (const recomposition::Part& part : made.parts)
    add(part.name + (part.made ? ", made" : ", kept"), part.file);
  evaluation::plot_spectrograms(png, panels, made.mix.parent_path().string());
}

void run(RecomposeArguments& arguments, const std::string& command, const Make& make,
         const Context& context) {
  const recomposition::RecomposeOptions& how = arguments.recomposer.how;
  arguments.recomposer.separator.solver = how.solver;
  arguments.recomposer.separator.steps = how.steps;
  if (arguments.flac) arguments.result.container = audio::Container::Flac;
  const io::ModelFolder folder(io::find_model(arguments.model));
  recomposition::Recomposer recomposer(folder, arguments.recomposer, parse_device(arguments.device));
  arguments.result.folder = arguments.output / folder.name();
  if (!arguments.song.empty()) arguments.result.folder /= arguments.song.stem();
  Progress progress = context.progress();
  io::Json results = io::Json::array();
  for (const Recomposition& made : make(recomposer, arguments, progress)) {
    const std::filesystem::path place = made.mix.parent_path();
    io::Json settings = to_json(made);
    settings.update(sampling_settings(how));
    settings["command"] = command;
    settings["model"] = folder.name();
    settings["seed"] = arguments.recomposer.separator.seed;
    settings["number"] = place.filename().string();
    if (!arguments.song.empty()) settings["song"] = arguments.song.string();
    io::write_file(place / "recomposition.json", settings.dump(2) + "\n");
    if (arguments.picture) draw(made, place / "recomposition.png");
    if (context.json != "-") spdlog::info("{}", made.mix.string());
    if (made.clipped > 0)
      spdlog::warn("{}: {} samples lie beyond full scale and were clipped", place.string(), made.clipped);
    results.push_back(std::move(settings));
  }
  io::write_report({{"model", folder.name()}, {"results", results}}, context.json);
}

void add_shared(CLI::App& command, RecomposeArguments& a, const char* output) {
  a.output = output;
  command.add_option("-n,--name", a.model, "model with a prior")->capture_default_str();
  command.add_option("-o,--out", a.output, "folder of the results")->capture_default_str();
  command.add_option("--count", a.result.count, "so many different results")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  command.add_option("--seed", a.recomposer.separator.seed, "seed")->capture_default_str();
  add_prior_options(command, a.recomposer.how);
  add_vocoder_option(command, a.recomposer.separator.vocoder);
  command.add_flag("--flac", a.flac, "FLAC files");
  command.add_flag("!--no-picture", a.picture, "draw no spectrograms");
  add_device_option(command, a.device);
}

void add_command(CLI::App& app, Context& context, const std::string& name, const char* help,
                 const char* output, const std::function<void(CLI::App&, RecomposeArguments&)>& add_own,
                 const Make& make) {
  auto arguments = std::make_shared<RecomposeArguments>();
  CLI::App* command = app.add_subcommand(name, help);
  add_own(*command, *arguments);
  add_shared(*command, *arguments, output);
  command->callback([arguments, name, make, &context] { run(*arguments, name, make, context); });
}

}  // namespace

void add_generate(CLI::App& app, Context& context) {
  add_command(
      app, context, "generate", "make new music, all its parts (paper section 3.2)", "generated",
      [](CLI::App& command, RecomposeArguments& a) {
        command.add_option("--seconds", a.seconds, "length")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
      },
      [](recomposition::Recomposer& recomposer, const RecomposeArguments& a, Progress& progress) {
        return recomposition::generate(recomposer, a.seconds, a.result, progress);
      });
}

void add_vary(CLI::App& app, Context& context) {
  add_command(
      app, context, "vary", "make some parts of a song anew beside its own others", "varied",
      [](CLI::App& command, RecomposeArguments& a) {
        command.add_option("song", a.song, "audio file (WAV, FLAC, OGG, MP3)")->required();
        add_names_option(command, "--regenerate", a.made, "parts to make anew, for example drums")
            ->required();
      },
      [](recomposition::Recomposer& recomposer, const RecomposeArguments& a, Progress& progress) {
        return recomposition::vary(recomposer, a.song, a.made, a.result, progress);
      });
}

void add_accompany(CLI::App& app, Context& context) {
  add_command(
      app, context, "accompany", "make the missing parts to a stem", "accompanied",
      [](CLI::App& command, RecomposeArguments& a) {
        command.add_option("stem", a.song, "audio file (WAV, FLAC, OGG, MP3)")->required();
        command.add_option("--as", a.given, "which part it is, for example bass")->required();
      },
      [](recomposition::Recomposer& recomposer, const RecomposeArguments& a, Progress& progress) {
        return recomposition::accompany(recomposer, a.song, a.given, a.result, progress);
      });
}

}  // namespace partita::cli
