#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "host/prior_options.hpp"
#include "partita/base/device.hpp"
#include "partita/evaluation/clips.hpp"
#include "partita/evaluation/diversity.hpp"
#include "partita/evaluation/generation.hpp"
#include "partita/evaluation/recomposition.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

struct Arguments {
  std::filesystem::path store, output;
  std::string split = "test", model = "drums-bass", embedding = "mel", device = "cpu";
  std::int64_t count = 64;
  recomposition::RecomposerOptions recomposer;
  evaluation::GenerationOptions options;
};

void evaluate_recomposition(Arguments& arguments, const Context& context) {
  recomposition::RecomposerOptions& options = arguments.recomposer;
  recomposition::Recomposer recomposer(io::ModelFolder(io::find_model(arguments.model)), options,
                                       parse_device(arguments.device));
  const std::vector<evaluation::Clip> clips =
      evaluation::clips_from_store(arguments.store, arguments.split, recomposer.names(), arguments.count);
  Progress progress = context.progress();
  const evaluation::RecompositionSets sets =
      evaluation::write_recompositions(recomposer, clips, arguments.output, progress);
  const evaluation::Embedding embedding = evaluation::make_embedding(arguments.embedding);
  io::Json report = sampling_settings(options.how);
  report.update({{"model", arguments.model},
                 {"clips", clips.size()},
                 {"seed", options.separator.seed},
                 {"generation", io::Json::array()},
                 {"rhythm", io::Json::array()}});
  std::vector<evaluation::SoundSet> candidates;
  for (const auto& folder : sets.candidates) candidates.push_back(evaluation::sounds_from_folder(folder));
  for (const auto& reference : {sets.original, sets.encoded}) {
    const evaluation::GenerationFigures figures = evaluation::evaluate_generation(
        embedding, evaluation::sounds_from_folder(reference), candidates, arguments.options, progress);
    if (context.json != "-") fmt::print("{}\n", evaluation::to_markdown(figures));
    report["generation"].push_back(evaluation::to_json(figures));
  }
  const evaluation::DiversityFigures diversity = evaluation::evaluate_diversity(
      recomposer.separator().codec(),
      evaluation::pair_parts(sets.real_parts, sets.made_parts, options.separator.seed), 0.0,
      options.separator.seed, progress);
  report["diversity"] = evaluation::to_json(diversity);
  for (const auto& row : sets.rhythm) report["rhythm"].push_back(evaluation::to_json(row));
  if (context.json != "-") {
    fmt::print("{}{}", evaluation::to_markdown(diversity), evaluation::to_markdown(sets.rhythm));
  }
  io::write_report(report, context.json);
}

}  // namespace

void add_evaluate_recomposition(CLI::App& evaluate, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  CLI::App* command = evaluate.add_subcommand(
      "recomposition",
      "a model's prior: Fréchet distances, diversity (paper, tables 4 and 5) and rhythm of what it makes");
  command->add_option("--store", a.store, "latent store with kept audio")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("-o,--out", a.output, "folder for the sounds that are made")->required();
  command->add_option("-n,--name", a.model, "model with a prior")->capture_default_str();
  command->add_option("--split", a.split, "split of the store")->capture_default_str();
  command->add_option("--count", a.count, "clips of the store")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add_prior_options(*command, a.recomposer.how);
  add_vocoder_option(*command, a.recomposer.separator.vocoder);
  command
      ->add_option("--embedding", a.embedding,
                   "mel, mel-patches, encodec or a TorchScript file (which is run: trust its source)")
      ->capture_default_str();
  command->add_option("--seed", a.recomposer.separator.seed, "seed")->capture_default_str();
  add_device_option(*command, a.device);
  command->callback([arguments, &context] { evaluate_recomposition(*arguments, context); });
}

}  // namespace partita::cli
