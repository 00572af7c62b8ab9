#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "partita/base/device.hpp"
#include "partita/evaluation/diversity.hpp"

namespace partita::cli {
namespace {

struct EvaluateDiversityArguments {
  std::filesystem::path real, generated;
  std::string codec = "mel";
  double seconds = 0.0;
  std::uint64_t seed = 0;
  std::string device = "cpu";
};

void evaluate_diversity(const EvaluateDiversityArguments& arguments, const Context& context) {
  const auto pairs = evaluation::pair_parts(arguments.real, arguments.generated, arguments.seed);
  const auto codec = codec::make_codec(arguments.codec, parse_device(arguments.device));
  Progress progress = context.progress();
  const evaluation::DiversityFigures figures =
      evaluation::evaluate_diversity(*codec, pairs, arguments.seconds, arguments.seed, progress);
  if (context.json != "-") fmt::print("{}", evaluation::to_markdown(figures));
  io::Json report{{"real", arguments.real.string()},
                  {"generated", arguments.generated.string()},
                  {"pairs", pairs.size()},
                  {"seconds", arguments.seconds},
                  {"seed", arguments.seed}};
  report.update(evaluation::to_json(figures));
  io::write_report(report, context.json);
}

}  // namespace

void add_evaluate_diversity(CLI::App& evaluate, Context& context) {
  auto arguments = std::make_shared<EvaluateDiversityArguments>();
  EvaluateDiversityArguments& a = *arguments;
  CLI::App* command = evaluate.add_subcommand(
      "diversity",
      "distances of generated parts to the real ones and to those of other songs (paper, table 5)");
  command->add_option("--real", a.real, "folder of <song>/<part>.wav")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--generated", a.generated,
                   "the same, with <part>-1.wav and so on where there are several")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--codec", a.codec, "whose latents are compared: mel, encodec_24khz, encodec_48khz")
      ->capture_default_str();
  command->add_option("--seconds", a.seconds, "of each part, from its start; 0: all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--seed", a.seed, "seed: which other songs, and the bootstrap behind the intervals")
      ->capture_default_str();
  add_device_option(*command, a.device);
  command->callback([arguments, &context] { evaluate_diversity(*arguments, context); });
}

}  // namespace partita::cli
