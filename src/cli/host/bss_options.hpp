#pragma once

#include <CLI/CLI.hpp>

#include "partita/evaluation/bss_eval.hpp"

namespace partita::cli {

/// "--window" and "--hop" of BSS Eval.
inline void add_bss_options(CLI::App& command, evaluation::BssOptions& options) {
  command.add_option("--window", options.window, "seconds of BSS Eval's frames; 1 in MUSDB18's tables")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_option("--hop", options.hop, "seconds from frame to frame; 1 in MUSDB18's tables")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

}  // namespace partita::cli
