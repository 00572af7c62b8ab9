#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>

#include "partita/io/safetensors.hpp"
#include "partita/training/error.hpp"

namespace partita::training {

/// Lower than any validation's.
inline constexpr double kNoScore = std::numeric_limits<double>::lowest();

/// Where a run stands, with all that it needs to go on. Random numbers and the position in the data
/// need no state of their own: both follow from the seed and the step.
struct Checkpoint {
  std::int64_t step = 0;
  std::string stage;
  std::int64_t stage_step = 0;
  std::int64_t clips = 0;        ///< of the training split
  double minutes = 0.0;          ///< trained so far
  std::string machine;           ///< that trained last
  double best_score = kNoScore;  ///< of the stage's validations so far, higher is better
  std::int64_t stale = 0;        ///< validations since that one
  std::string configuration;     ///< TOML text
  io::TensorMap state;           ///< "model.*", "ema.*", "optimizer.exp_avg.*", "optimizer.exp_avg_sq.*"
};

/// Writes `run/checkpoints/step-NNNNNNNN/{state.safetensors,configuration.toml,checkpoint.toml}`, the
/// folder under another name until all are whole, then removes all but the newest `keep`.
void write_checkpoint(const std::filesystem::path& run, const Checkpoint& checkpoint, std::size_t keep = 2);

/// Reads one checkpoint folder. Throws TrainingError if it is cut off, of another version, or its
/// state has another SHA-256 than it says.
[[nodiscard]] Checkpoint read_checkpoint(const std::filesystem::path& folder);

/// The folder, below a run's, of the checkpoint with the best validation of the last stage: a run folder of
/// its own with that one checkpoint.
[[nodiscard]] std::filesystem::path best_folder(const std::filesystem::path& run);

/// The newest whole checkpoint of a run; broken newer ones are named in a warning. None where there
/// are no checkpoint folders. Throws TrainingError if all are broken.
[[nodiscard]] std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& run);

/// Whether the run folder holds checkpoint folders, whole or not.
[[nodiscard]] bool has_checkpoints(const std::filesystem::path& run);

/// The first key in which two configurations differ, with both values, in words; empty if they agree
/// in all but paths, names, time limit, step counts, the *_every keys and the count of validation clips.
[[nodiscard]] std::string configuration_difference(const std::string& before, const std::string& now);

}  // namespace partita::training
