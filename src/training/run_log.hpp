#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "partita/io/event_file.hpp"
#include "partita/training/loop.hpp"

namespace partita::training {

/// What is kept of a run while it trains: log.csv, validation.csv and, below events/, TensorBoard's files.
class RunLog {
 public:
  /// `writes`: false for the ranks that keep nothing.
  RunLog(std::filesystem::path run, bool writes) : run_(std::move(run)), writes_(writes) {}

  /// Forgets what was logged after `step`, from which the run goes on. Throws IoError.
  void resume(std::int64_t step);
  /// A row of <name>.csv, and its scalars. Throws TrainingError if it cannot be written.
  void row(const std::string& name, std::int64_t step, const std::string& stage, const Figures& figures);
  /// Sounds and their spectrograms, for TensorBoard alone. Throws IoError.
  void sounds(std::int64_t step, const std::vector<Sound>& sounds);

 private:
  io::EventFile& events(std::int64_t step);

  std::filesystem::path run_;
  bool writes_;
  std::unique_ptr<io::EventFile> events_;
};

}  // namespace partita::training
