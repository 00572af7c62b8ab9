#include "commands.hpp"

namespace partita::cli {

void add_evaluate(CLI::App& app, Context& /*context*/) {
  app.add_subcommand("evaluate", "measure models, baselines, codecs and what was generated")
      ->require_subcommand(1);
}

}  // namespace partita::cli
