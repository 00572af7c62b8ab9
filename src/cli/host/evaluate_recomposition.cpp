#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "host/prior_options.hpp"
#include "partita/base/device.hpp"
#include "partita/evaluation/clips.hpp"
#include "partita/evaluation/embedding.hpp"
#include "partita/evaluation/recomposition.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

struct EvaluateRecompositionArguments {
  std::filesystem::path store, output;
  std::string split = "test", model = "drums-bass", embedding = "mel", device = "cpu";
  std::int64_t count = 64;
  recomposition::RecomposerOptions recomposer;
};

void evaluate_recomposition(EvaluateRecompositionArguments& arguments, const Context& context) {
  recomposition::RecomposerOptions& options = arguments.recomposer;
  recomposition::Recomposer recomposer(io::ModelFolder(io::find_model(arguments.model)), options,
                                       parse_device(arguments.device));
  const std::vector<evaluation::Clip> clips =
      evaluation::clips_from_store(arguments.store, arguments.split, recomposer.names(), arguments.count);
  Progress progress = context.progress();
  const evaluation::RecompositionFigures figures = evaluation::evaluate_recomposition(
      recomposer, clips, arguments.output, {evaluation::make_embedding(arguments.embedding)}, progress);
  if (context.json != "-") fmt::print("{}", evaluation::to_markdown(figures));
  io::Json report = sampling_settings(options.how);
  report.update({{"model", arguments.model}, {"clips", clips.size()}, {"seed", options.separator.seed}});
  report.update(evaluation::to_json(figures));
  io::write_report(report, context.json);
}

}  // namespace

void add_evaluate_recomposition(CLI::App& evaluate, Context& context) {
  auto arguments = std::make_shared<EvaluateRecompositionArguments>();
  EvaluateRecompositionArguments& a = *arguments;
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
                   fmt::format("{} or a TorchScript file (which is run: trust its source)",
                               fmt::join(evaluation::embedding_names(), ", ")))
      ->capture_default_str();
  command->add_option("--seed", a.recomposer.separator.seed, "seed")->capture_default_str();
  add_device_option(*command, a.device);
  command->callback([arguments, &context] { evaluate_recomposition(*arguments, context); });
}

}  // namespace partita::cli
