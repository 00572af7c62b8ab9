#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "commands.hpp"
#include "partita/base/device.hpp"
#include "partita/data/store.hpp"
#include "partita/evaluation/embedding.hpp"
#include "partita/evaluation/generation.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

struct EvaluateGenerationArguments {
  std::filesystem::path reference;
  std::vector<std::filesystem::path> candidates;
  std::string split = "test";
  std::string embedding = "mel";
  std::string device = "cpu";
  evaluation::EmbeddingOptions heard;
  evaluation::GenerationOptions options;
};

void evaluate_generation(const EvaluateGenerationArguments& arguments, const Context& context) {
  const evaluation::Embedding embedding =
      evaluation::make_embedding(arguments.embedding, arguments.heard, parse_device(arguments.device));
  const evaluation::SoundSet reference =
      data::is_store(arguments.reference)
          ? evaluation::sounds_from_store(arguments.reference, arguments.split)
          : evaluation::sounds_from_folder(arguments.reference);
  std::vector<evaluation::SoundSet> candidates;
  for (const auto& folder : arguments.candidates)
    candidates.push_back(evaluation::sounds_from_folder(folder));
  Progress progress = context.progress();
  const evaluation::GenerationFigures figures =
      evaluation::evaluate_generation(embedding, reference, candidates, arguments.options, progress);
  if (context.json != "-") fmt::print("{}", evaluation::to_markdown(figures));
  io::write_report(evaluation::to_json(figures), context.json);
}

}  // namespace

void add_evaluate_generation(CLI::App& evaluate, Context& context) {
  auto arguments = std::make_shared<EvaluateGenerationArguments>();
  EvaluateGenerationArguments& a = *arguments;
  CLI::App* command = evaluate.add_subcommand(
      "generation", "Fréchet audio distance between folders of sounds (paper, table 4)");
  command->add_option("--reference", a.reference, "folder of audio files, or latent store with kept audio")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--candidates", a.candidates, "folders of audio files, a row for each")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--split", a.split, "split of the store")->capture_default_str();
  command
      ->add_option("--embedding", a.embedding,
                   fmt::format("{} or a TorchScript file (which is run: trust its source)",
                               fmt::join(evaluation::embedding_names(), ", ")))
      ->capture_default_str();
  command->add_option("--sample-rate", a.heard.sample_rate, "of the TorchScript file, in Hz");
  command->add_option("--window", a.heard.window,
                      "of the TorchScript file, in seconds; 0: sounds go in whole");
  command->add_option("--hop", a.heard.hop, "of the TorchScript file's windows, in seconds");
  command->add_flag("--infinity", a.options.infinity, "FAD∞ as well, which needs more than 500 frames");
  command->add_option("--resamples", a.options.resamples, "of the bootstrap behind the intervals")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", a.options.seed, "seed")->capture_default_str();
  add_device_option(*command, a.device);
  command->callback([arguments, &context] { evaluate_generation(*arguments, context); });
}

}  // namespace partita::cli
