#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "partita/base/progress.hpp"

namespace partita::cli {

/// What every command shares.
struct Context {
  std::string json;  ///< where --json goes; empty: nowhere
  int threads = 0;
  bool quiet = false;

  [[nodiscard]] Progress progress() const { return quiet ? Progress() : Progress::standard(); }
};

// Each adds one command, whose callback does the work.
void add_separate(CLI::App& app, Context& context);
void add_render(CLI::App& app, Context& context);
void add_prepare(CLI::App& app, Context& context);
void add_train(CLI::App& app, Context& context);
void add_evaluate(CLI::App& app, Context& context);
void add_models(CLI::App& app, Context& context);

/// "-d,--device": cpu, cuda, cuda:N.
inline void add_device_option(CLI::App& command, std::string& device) {
  command.add_option("-d,--device", device, "cpu, cuda or cuda:N")->capture_default_str();
}

/// "drums,bass" as a list.
inline CLI::Option* add_names_option(CLI::App& command, const std::string& flag,
                                     std::vector<std::string>& names, const std::string& help) {
  return command.add_option(flag, names, help)->delimiter(',');
}

}  // namespace partita::cli
