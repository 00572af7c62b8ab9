#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "host/bss_options.hpp"
#include "partita/evaluation/stems.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

struct EvaluateStemsArguments {
  std::filesystem::path references, estimates;
  std::vector<std::string> sources;
  evaluation::BssOptions options;
  std::uint64_t seed = 0;
};

void evaluate_stems(const EvaluateStemsArguments& arguments, const Context& context) {
  const evaluation::StemTracks tracks =
      evaluation::find_stem_tracks(arguments.references, arguments.estimates, arguments.sources);
  Progress progress = context.progress();
  const std::vector<evaluation::BssRow> rows =
      evaluation::evaluate_stems(tracks, arguments.options, arguments.seed, progress);
  if (context.json != "-") {
    fmt::print("{}\n{} {} Tracks without estimates: {}.\n",
               evaluation::to_markdown({{arguments.estimates.string(), rows}}),
               evaluation::bss_legend(arguments.options), evaluation::statistics_legend(), tracks.missing);
  }
  io::write_report({{"references", arguments.references.string()},
                    {"estimates", arguments.estimates.string()},
                    {"sources", tracks.sources},
                    {"tracks", tracks.tracks.size()},
                    {"missing", tracks.missing},
                    {"assignment", "by file name"},
                    {"bss_options", evaluation::to_json(arguments.options)},
                    {"seed", arguments.seed},
                    {"rows", evaluation::to_json(rows)}},
                   context.json);
}

}  // namespace

void add_evaluate_stems(CLI::App& evaluate, Context& context) {
  auto arguments = std::make_shared<EvaluateStemsArguments>();
  EvaluateStemsArguments& a = *arguments;
  CLI::App* command =
      evaluate.add_subcommand("stems", "BSS Eval v4 (museval) of stem files that any system has written");
  command->add_option("--references", a.references, "folder of folders with one file a source (MUSDB18-HQ)")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--estimates", a.estimates, "folder with the same folders, for example separated/MODEL")
      ->required()
      ->check(CLI::ExistingDirectory);
  add_names_option(*command, "--sources", a.sources, "sources to measure; default: all but the mixture");
  add_bss_options(*command, a.options);
  command->add_option("--seed", a.seed, "seed of the bootstrap behind the intervals")->capture_default_str();
  command->callback([arguments, &context] { evaluate_stems(*arguments, context); });
}

}  // namespace partita::cli
