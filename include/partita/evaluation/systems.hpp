#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partita/decomposition/separator.hpp"
#include "partita/decomposition/song.hpp"
#include "partita/evaluation/separation.hpp"

namespace partita::evaluation {

/// A stem source with the name it goes by in file names and tables.
struct NamedSource {
  std::string name;
  decomposition::StemSource source;
  bool refines = false;  ///< whether SeparatorOptions::refinement changes it
};

/// Names that `make_source` knows besides trained models: the classical baselines, and the official
/// checkpoints of Demucs that are on this machine.
[[nodiscard]] std::vector<std::string> baseline_names();

/// The official checkpoint of Demucs that a name stands for: published weights, or a .th or .safetensors
/// file. Throws IoError that says how to fetch published ones.
[[nodiscard]] std::optional<std::filesystem::path> demucs_checkpoint(const std::string& name);

/// What `-n NAME` stands for: a baseline, a checkpoint of Demucs, or a model of kind "decomposition",
/// "demucs" or "lass" on the search path. Baselines tell drums from bass, of `sources` {bass, X} or {drums,
/// X} what is not the one is X, and of {drums, bass, X} what is not drums is taken apart once more. Throws
/// IoError listing the models that exist.
[[nodiscard]] NamedSource make_source(const std::string& name, const decomposition::SeparatorOptions& options,
                                      torch::Device device,
                                      const std::vector<std::string>& sources = {"drums", "bass"});

/// A stem source as a system under test: stems are matched to the references by name. Throws
/// EvaluationError when a source has no stem of its name.
[[nodiscard]] System source_system(std::string name, std::shared_ptr<decomposition::StemSource> source,
                                   const std::vector<std::string>& sources);

/// The systems that a name stands for: a baseline or Demucs, or a decomposition under each refinement, which
/// its name then tells ("drums-bass (wiener)"; the bare name is Best, as is no refinement). Throws as
/// `make_source` and `source_system`.
[[nodiscard]] std::vector<System> named_systems(const std::string& name,
                                                const std::vector<decomposition::Refinement>& refinements,
                                                const decomposition::SeparatorOptions& options,
                                                torch::Device device,
                                                const std::vector<std::string>& sources);

}  // namespace partita::evaluation
