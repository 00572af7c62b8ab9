#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "host/refinement.hpp"
#include "partita/base/device.hpp"
#include "partita/decomposition/song.hpp"
#include "partita/evaluation/systems.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

struct SeparateArguments {
  std::vector<std::filesystem::path> songs;
  std::string model = "drums-bass";
  std::string device = "cpu";
  decomposition::SeparatorOptions separator;
  decomposition::SongOptions song;
  bool flac = false, mp3 = false, int24 = false, float32 = false;
  std::string consistency = "off", sampler = "euler";
};

void choose_format(const SeparateArguments& arguments, decomposition::SongOptions& song) {
  if (arguments.flac && arguments.float32) fail<UsageError>("--float32 needs WAV: FLAC holds integers");
  if (arguments.mp3 && (arguments.int24 || arguments.float32))
    fail<UsageError>("--mp3 takes neither --int24 nor --float32");
  song.container = arguments.flac  ? audio::Container::Flac
                   : arguments.mp3 ? audio::Container::Mp3
                                   : audio::Container::Wav;
  song.format = arguments.float32 ? audio::SampleFormat::Float32
                : arguments.int24 ? audio::SampleFormat::Int24
                                  : audio::SampleFormat::Int16;
}

io::Json to_json(const std::filesystem::path& song, const decomposition::SongResult& result) {
  io::Json stems = io::Json::array();
  for (std::size_t i = 0; i < result.names.size(); ++i) {
    stems.push_back({{"name", result.names[i]}, {"file", result.files[i].string()}});
  }
  return {{"song", song.string()},   {"sample_rate", result.sample_rate}, {"channels", result.channels},
          {"frames", result.frames}, {"clipped", result.clipped},         {"peak", result.peak},
          {"scale", result.scale},   {"residual", result.residual},       {"seconds", result.seconds},
          {"stems", stems}};
}

void say(const decomposition::SongResult& result, audio::ClipMode mode) {
  for (const auto& file : result.files) spdlog::info("{}", file.string());
  if (result.clipped > 0 && mode == audio::ClipMode::None) {
    spdlog::warn(
        "{} samples lie beyond full scale (peak {:.2f}) and were clipped; use --float32, or --clip-mode "
        "rescale",
        result.clipped, result.peak);
  }
  if (result.scale != 1.0)
    spdlog::info("every stem was multiplied by {:.4f} (--clip-mode rescale)", result.scale);
}

void separate(SeparateArguments& arguments, const Context& context) {
  if (arguments.songs.empty()) fail<UsageError>("no song given: partita separate SONG...");
  arguments.separator.consistency = arguments.consistency == "on";
  arguments.separator.solver = diffusion::parse_solver(arguments.sampler);
  choose_format(arguments, arguments.song);
  evaluation::NamedSource system =
      evaluation::make_source(arguments.model, arguments.separator, parse_device(arguments.device));
  arguments.song.model_name = system.name;
  io::Json results = io::Json::array();
  for (const auto& song : arguments.songs) {
    Progress progress = context.progress();
    const decomposition::SongResult result =
        decomposition::separate_song(song, system.source, arguments.song, progress);
    if (context.json != "-") say(result, arguments.song.clip_mode);
    results.push_back(to_json(song, result));
  }
  io::write_report({{"model", system.name}, {"seed", arguments.separator.seed}, {"songs", results}},
                   context.json);
}

/// Those that find components: a vocoder finds none.
void list_models() {
  for (const auto& path : io::list_models()) {
    if (io::ModelFolder(path).card().has("components")) fmt::print("{}\n", path.filename().string());
  }
  for (const auto& name : evaluation::baseline_names()) fmt::print("{}\n", name);
}

}  // namespace

void add_separate(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<SeparateArguments>();
  SeparateArguments& a = *arguments;
  a.song.output = "separated";
  a.song.filename = "{model}/{track}/{stem}.{ext}";
  CLI::App* command = app.add_subcommand("separate", "take songs apart into stems that add up to them");
  command->add_option("songs", a.songs, "audio files (WAV, FLAC, OGG, MP3)");
  command
      ->add_option("-n,--name", a.model,
                   fmt::format("model, or a baseline ({})", fmt::join(evaluation::baseline_names(), ", ")))
      ->capture_default_str();
  command->add_option("-o,--out", a.song.output, "folder of the stems")->capture_default_str();
  add_device_option(*command, a.device);
  command
      ->add_option("--filename", a.song.filename, "names below the folder: {model}, {track}, {stem}, {ext}")
      ->capture_default_str();
  command->add_option("--steps", a.separator.steps, "sampling steps (diffusion models)")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  add_sampler_option(*command, a.sampler);
  command
      ->add_option(
          "--refine", a.separator.refinement,
          "what becomes masks on the song's own spectrogram: learned (the model's mask network), wiener "
          "(its components), best (learned where the model has it); none: the components as they are")
      ->transform(CLI::CheckedTransformer(refinements(), CLI::ignore_case));
  add_vocoder_option(*command, a.separator.vocoder);
  command->add_option("--consistency", a.consistency, "pull the components onto the mixture at each step")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  command->add_option("--seed", a.separator.seed, "seed")->capture_default_str();
  command
      ->add_option("--segment", a.song.segment_seconds,
                   "seconds held in memory at once (default: 20, or what the baseline needs)")
      ->check(CLI::Range(5.0, 600.0));
  command->add_option("--overlap", a.separator.overlap, "overlap of the model's windows")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9));
  command->add_option("--two-stems", a.song.two_stems, "only this stem and the rest");
  command->add_flag("--flac", a.flac, "FLAC stems");
  command->add_flag("--mp3", a.mp3, "MP3 stems")->excludes("--flac");
  command->add_flag("--int24", a.int24, "24-bit stems");
  command->add_flag("--float32", a.float32, "float stems")->excludes("--int24");
  using audio::ClipMode;
  command
      ->add_option("--clip-mode", a.song.clip_mode,
                   "samples beyond full scale in integer stems: none (clip and say so), clamp, rescale")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, ClipMode>{
              {"none", ClipMode::None}, {"clamp", ClipMode::Clamp}, {"rescale", ClipMode::Rescale}},
          CLI::ignore_case));
  auto list = std::make_shared<bool>(false);
  command->add_flag("--list-models", *list, "print the models and baselines and stop");
  command->callback([arguments, list, &context] { *list ? list_models() : separate(*arguments, context); });
}

}  // namespace partita::cli
