#include "partita/data/prepare.hpp"

#include <spdlog/spdlog.h>

#include <memory>

#include "commands.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

struct PrepareArguments {
  std::filesystem::path slakh, musdb, mixtures;
  data::PrepareOptions options;
  double bandwidth = 0.0;
};

void prepare(PrepareArguments& arguments, const Context& context) {
  using Layout = data::PrepareOptions::Layout;
  data::PrepareOptions& options = arguments.options;
  options.layout = !arguments.slakh.empty()   ? Layout::Slakh
                   : !arguments.musdb.empty() ? Layout::Musdb
                                              : Layout::Mixtures;
  options.input = options.layout == Layout::Slakh   ? arguments.slakh
                  : options.layout == Layout::Musdb ? arguments.musdb
                                                    : arguments.mixtures;
  if (options.layout != Layout::Mixtures && options.sources.empty()) {
    fail<UsageError>("--sources is needed with --slakh and --musdb, for example --sources drums,bass");
  }
  options.codec = with_bandwidth(options.codec, arguments.bandwidth);
  Progress progress = context.progress();
  const data::PrepareReport report = data::prepare(options, progress);
  for (const auto& split : report.splits) {
    spdlog::info("{}: {} clips of {} tracks; left out: {} quiet clips, {} tracks", split.name, split.clips,
                 split.tracks, split.quiet_clips, split.skipped_tracks);
  }
  io::write_report(data::to_json(report), context.json);
}

}  // namespace

void add_prepare(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<PrepareArguments>();
  CLI::App* command = app.add_subcommand("prepare", "turn a data set into a latent store");
  auto* layout = command->add_option_group("layout", "the data set, one of");
  layout->add_option("--slakh", arguments->slakh, "Slakh2100 folder, or one made by 'partita render'")
      ->check(CLI::ExistingDirectory);
  layout->add_option("--musdb", arguments->musdb, "MUSDB18-HQ folder")->check(CLI::ExistingDirectory);
  layout->add_option("--mixtures", arguments->mixtures, "folder of any audio files, or one")
      ->check(CLI::ExistingPath);
  layout->require_option(1);
  add_names_option(*command, "--sources", arguments->options.sources,
                   "sources to mix, for example drums,bass");
  add_names_option(*command, "--splits", arguments->options.splits,
                   "splits to prepare, for example test; default: all. Mixtures all go to one that is named "
                   "alone");
  command->add_option("-o,--output", arguments->options.output, "folder of the store")->required();
  command
      ->add_option("--codec", arguments->options.codec,
                   "codec of the latents: mel, encodec_24khz or encodec_48khz")
      ->capture_default_str();
  add_bandwidth_option(*command, arguments->bandwidth);
  command->add_option("--seconds", arguments->options.clip_seconds, "length of a clip")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--waveforms", arguments->options.validation_waveforms,
                   "clips of the validation and test splits that are kept as audio too, to be measured on")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--minimum-rms", arguments->options.minimum_rms,
                   "clips with a source quieter than this are left out")
      ->capture_default_str();
  command
      ->add_option("--train-waveforms", arguments->options.train_waveforms,
                   "clips of the training split kept as audio too, which training a vocoder needs")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("-j,--workers", arguments->options.workers, "processes; 0: one a core")
      ->check(CLI::NonNegativeNumber);
  command->callback([arguments, &context] { prepare(*arguments, context); });
}

}  // namespace partita::cli
