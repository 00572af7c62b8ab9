#include "commands.hpp"

#include "partita/cli/run.hpp"

namespace partita::cli {

int run(int argc, const char* const* argv) {
  return run(argc, argv,
             {{"", add_separate},
              {"", add_generate},
              {"", add_vary},
              {"", add_accompany},
              {"", add_adapt},
              {"", add_render},
              {"", add_prepare},
              {"", add_pack},
              {"", add_train},
              {"", add_evaluate},
              {"evaluate", add_evaluate_separation},
              {"evaluate", add_evaluate_stems},
              {"evaluate", add_evaluate_generation},
              {"evaluate", add_evaluate_diversity},
              {"evaluate", add_evaluate_recomposition},
              {"evaluate", add_evaluate_codec},
              {"", add_reproduce},
              {"", add_codec},
              {"", add_models},
              {"models", add_models_fetch}});
}

}  // namespace partita::cli
