#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/diffusion/sampler.hpp"

namespace partita::cli {

/// What every command shares.
struct Context {
  std::string json;  ///< where --json goes; empty: nowhere
  int threads = 0;
  bool winograd = true;
  bool quiet = false;

  [[nodiscard]] Progress progress() const { return quiet ? Progress() : Progress::standard(); }
};

/// A command of the program, or one below another command.
struct Command {
  std::string parent;  ///< empty: the program
  void (*add)(CLI::App& parent, Context& context);
};

/// The command line with these commands, parents before those below them: see `run` of partita/cli/run.hpp.
int run(int argc, const char* const* argv, const std::vector<Command>& commands);

// Each adds one command, whose callback does the work. Those that need audio are in host/.
void add_separate(CLI::App& app, Context& context);
void add_generate(CLI::App& app, Context& context);
void add_vary(CLI::App& app, Context& context);
void add_accompany(CLI::App& app, Context& context);
void add_adapt(CLI::App& app, Context& context);
void add_render(CLI::App& app, Context& context);
void add_prepare(CLI::App& app, Context& context);
void add_pack(CLI::App& app, Context& context);
void add_train(CLI::App& app, Context& context);
void add_evaluate(CLI::App& app, Context& context);
void add_reproduce(CLI::App& app, Context& context);
void add_codec(CLI::App& app, Context& context);
void add_models(CLI::App& app, Context& context);

// Each adds one command below `evaluate`.
void add_evaluate_separation(CLI::App& evaluate, Context& context);
void add_evaluate_generation(CLI::App& evaluate, Context& context);
void add_evaluate_stems(CLI::App& evaluate, Context& context);
void add_evaluate_diversity(CLI::App& evaluate, Context& context);
void add_evaluate_recomposition(CLI::App& evaluate, Context& context);
void add_evaluate_codec(CLI::App& evaluate, Context& context);

/// Adds `models fetch`.
void add_models_fetch(CLI::App& models, Context& context);

/// "-d,--device": cpu, cuda, cuda:N.
inline void add_device_option(CLI::App& command, std::string& device) {
  command.add_option("-d,--device", device, "cpu, cuda or cuda:N")->capture_default_str();
}

/// "--sampler": euler, midpoint, dpmpp2m.
inline void add_sampler_option(CLI::App& command, std::string& sampler) {
  command.add_option("--sampler", sampler, "solver of the sampling steps (diffusion models)")
      ->check(CLI::IsMember(diffusion::solver_names()))
      ->capture_default_str();
}

/// "drums,bass" as a list.
inline CLI::Option* add_names_option(CLI::App& command, const std::string& flag,
                                     std::vector<std::string>& names, const std::string& help) {
  return command.add_option(flag, names, help)->delimiter(',');
}

/// "--vocoder": of components that are decoded as they are.
inline void add_vocoder_option(CLI::App& command, std::string& vocoder) {
  command.add_option("--vocoder", vocoder,
                     "what turns mel latents into sound: a vocoder, or griffin-lim; default: "
                     "mel-vocoder where there is one");
}

/// "--bandwidth": of codecs that have several.
inline void add_bandwidth_option(CLI::App& command, double& bandwidth) {
  command
      .add_option("--bandwidth", bandwidth,
                  "kbit/s: 1.5 (24 kHz only), 3, 6, 12 or 24; default: the codec's highest")
      ->check(CLI::PositiveNumber);
}

/// "encodec_24khz" at 6 kbit/s is "encodec_24khz@6"; 0: as it stands.
inline std::string with_bandwidth(const std::string& codec, double bandwidth) {
  return bandwidth > 0.0 ? fmt::format("{}@{:g}", codec, bandwidth) : codec;
}

}  // namespace partita::cli
