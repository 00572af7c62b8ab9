#pragma once

#include "commands.hpp"
#include "partita/io/report.hpp"
#include "partita/recomposition/prior.hpp"

namespace partita::cli {

/// "--steps", "--sampler", "--guidance", "--imposed": how a prior is sampled.
inline void add_prior_options(CLI::App& command, recomposition::RecomposeOptions& how) {
  command.add_option("--steps", how.steps, "sampling steps")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  command
      .add_option_function<std::string>(
          "--sampler", [&how](const std::string& name) { how.solver = diffusion::parse_solver(name); },
          "solver of the sampling steps")
      ->check(CLI::IsMember(diffusion::solver_names()))
      ->default_str(diffusion::name_of(how.solver));
  command.add_option("--guidance", how.guidance, "how much the kept parts count; 1: as learned")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command
      .add_option_function<std::string>(
          "--imposed", [&how](const std::string& name) { how.imposed = recomposition::parse_imposed(name); },
          "what kept parts are at every step: clean, as learned, or blended with noise of the step's level")
      ->check(CLI::IsMember(recomposition::imposed_names()))
      ->default_str(recomposition::name_of(how.imposed));
}

inline io::Json sampling_settings(const recomposition::RecomposeOptions& how) {
  return {{"steps", how.steps},
          {"sampler", diffusion::name_of(how.solver)},
          {"guidance", how.guidance},
          {"imposed", recomposition::name_of(how.imposed)}};
}

}  // namespace partita::cli
