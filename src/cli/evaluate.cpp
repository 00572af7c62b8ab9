#include "commands.hpp"

namespace partita::cli {

void add_evaluate(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("evaluate", "measure models, baselines, codecs and what was generated");
  command->require_subcommand(1);
  add_evaluate_separation(*command, context);
  add_evaluate_stems(*command, context);
  add_evaluate_generation(*command, context);
  add_evaluate_diversity(*command, context);
  add_evaluate_recomposition(*command, context);
  add_evaluate_codec(*command, context);
}

}  // namespace partita::cli
