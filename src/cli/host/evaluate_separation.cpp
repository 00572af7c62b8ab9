#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "host/bss_options.hpp"
#include "host/refinement.hpp"
#include "partita/base/device.hpp"
#include "partita/evaluation/clips.hpp"
#include "partita/evaluation/plot.hpp"
#include "partita/evaluation/systems.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

using decomposition::Refinement;
using evaluation::Clip;
using evaluation::System;

struct EvaluateSeparationArguments {
  std::filesystem::path store, clips, picture;
  std::string split = "test";
  std::vector<std::string> models{"drums-bass"};
  std::vector<std::string> sources{"drums", "bass"};
  std::vector<std::string> estimates;
  std::int64_t count = 64;
  std::int64_t picture_clip = 0;
  std::vector<std::string> refine{"best", "none"};
  std::string device = "cpu";
  decomposition::SeparatorOptions separator;
  evaluation::EvaluationOptions options;
  bool bss = false;
  evaluation::BssOptions bss_options;
};

const std::map<std::string, evaluation::Assignment> kAssignments{{"model", evaluation::Assignment::Model},
                                                                 {"clip", evaluation::Assignment::Clip}};

std::vector<System> systems(const EvaluateSeparationArguments& arguments) {
  std::vector<Refinement> refine;
  for (const auto& word : arguments.refine) refine.push_back(refinements().at(word));
  std::vector<System> all{evaluation::mixture_system(static_cast<std::int64_t>(arguments.sources.size()))};
  for (const auto& name : arguments.models) {
    for (System& system : evaluation::named_systems(name, refine, arguments.separator,
                                                    parse_device(arguments.device), arguments.sources)) {
      all.push_back(std::move(system));
    }
  }
  for (const auto& suffix : arguments.estimates) {
    all.push_back(evaluation::file_system(arguments.clips, suffix, arguments.sources));
  }
  all.push_back(evaluation::ideal_mask_system());
  return all;
}

/// The mixture, then each source beside the estimate of the first model.
void draw(const EvaluateSeparationArguments& arguments, const Clip& clip, const System& system) {
  std::vector<evaluation::SpectrogramPanel> panels{{"mixture", clip.mixture, clip.sample_rate}};
  const torch::Tensor estimates = system.separate(clip);
  for (std::size_t i = 0; i < arguments.sources.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    panels.push_back({arguments.sources[i] + ", true", clip.references[row], clip.sample_rate});
    panels.push_back({arguments.sources[i] + ", separated", estimates[row], clip.sample_rate});
  }
  evaluation::plot_spectrograms(arguments.picture, panels, fmt::format("{}: {}", clip.name, system.name));
}

void evaluate_separation(const EvaluateSeparationArguments& arguments, const Context& context) {
  const std::vector<Clip> clips = arguments.store.empty()
                                      ? evaluation::clips_from_folders(arguments.clips, arguments.sources)
                                      : evaluation::clips_from_store(arguments.store, arguments.split,
                                                                     arguments.sources, arguments.count);
  evaluation::EvaluationOptions options = arguments.options;
  options.seed = arguments.separator.seed;
  if (arguments.bss) options.bss = arguments.bss_options;
  const std::vector<System> all = systems(arguments);
  Progress progress = context.progress();
  const std::vector<evaluation::Summary> summaries =
      evaluation::evaluate(all, clips, arguments.sources, options, progress);
  io::Json results = io::Json::array();
  for (const auto& summary : summaries) results.push_back(evaluation::to_json(summary));
  if (context.json != "-") fmt::print("{}", evaluation::to_markdown(summaries, options));
  if (!arguments.picture.empty()) {
    const auto index = static_cast<std::size_t>(arguments.picture_clip);
    if (index >= clips.size()) fail<UsageError>("--picture-clip {}: there are {} clips", index, clips.size());
    draw(arguments, clips[index], all[1]);
  }
  io::write_report({{"clips", clips.size()},
                    {"sources", arguments.sources},
                    {"assignment", evaluation::to_text(options.assignment)},
                    {"seed", options.seed},
                    {"bss_options", options.bss ? evaluation::to_json(*options.bss) : io::Json()},
                    {"systems", results}},
                   context.json);
}

}  // namespace

void add_evaluate_separation(CLI::App& evaluate, Context& context) {
  auto arguments = std::make_shared<EvaluateSeparationArguments>();
  EvaluateSeparationArguments& a = *arguments;
  CLI::App* command =
      evaluate.add_subcommand("separation", "SI-SDR, SI-SIR and SI-SAR of stems (paper, table 2)");
  auto* where = command->add_option_group("clips", "the clips, one of");
  where->add_option("--store", a.store, "latent store with kept audio")->check(CLI::ExistingDirectory);
  where->add_option("--clips", a.clips, "folder of folders with mixture.* and one file a source")
      ->check(CLI::ExistingDirectory);
  where->require_option(1);
  command->add_option("--split", a.split, "split of the store")->capture_default_str();
  command->add_option("--count", a.count, "clips of the store")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add_names_option(*command, "-n,--name", a.models, "models and baselines, for example drums-bass,hpss");
  add_names_option(*command, "--sources", a.sources, "sources of the clips");
  add_names_option(*command, "--estimates", a.estimates,
                   "suffixes of estimates that lie beside the clips (<source>.<suffix>.wav)")
      ->needs("--clips");
  command->add_option("--steps", a.separator.steps, "sampling steps (diffusion models)")
      ->capture_default_str();
  add_vocoder_option(*command, a.separator.vocoder);
  command->add_option("--seed", a.separator.seed, "seed")->capture_default_str();
  command->add_option("--picture", a.picture, "PNG of a clip: mixture, true and separated stems");
  command->add_option("--picture-clip", a.picture_clip, "which clip")->capture_default_str();
  command
      ->add_option("--refine", a.refine,
                   "a row for each of best, learned, wiener, none (the components, which are slow to decode)")
      ->delimiter(',')
      ->check(CLI::IsMember(refinements()));
  command
      ->add_option("--assignment", a.options.assignment,
                   "of stems to sources: model (by name) or clip (the best in each)")
      ->transform(CLI::CheckedTransformer(kAssignments))
      ->default_str("model");
  command->add_flag("--bss", a.bss, "SDR, ISR, SIR and SAR of BSS Eval v4 as well, as museval has them");
  add_bss_options(*command, a.bss_options);
  add_device_option(*command, a.device);
  command->callback([arguments, &context] { evaluate_separation(*arguments, context); });
}

}  // namespace partita::cli
