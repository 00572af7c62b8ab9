#include "commands.hpp"

#include "partita/cli/run.hpp"

namespace partita::cli {

int run_without_audio(int argc, const char* const* argv) {
  return run(argc, argv, {{"", add_pack}, {"", add_train}, {"", add_models}});
}

}  // namespace partita::cli
