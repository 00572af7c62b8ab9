#pragma once

#include <torch/nn/module.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/ema.hpp"
#include "partita/training/optimizer.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {

/// Named validation figures, in the order in which they are logged.
using Figures = std::vector<std::pair<std::string, double>>;

/// What a loop trains: a module with a loss and validation figures.
class Objective {
 public:
  virtual ~Objective() = default;

  virtual torch::nn::Module& module() = 0;
  [[nodiscard]] virtual const std::vector<Stage>& stages() const = 0;
  /// Called before the first step of a stage, after a resume and, for export, before validation.
  virtual void begin_stage(const std::string& name) = 0;
  /// Clips in the training split: a run cannot go on with another number.
  [[nodiscard]] virtual std::int64_t clips() const = 0;
  /// The scalar loss of the batch of `step`. All that is random depends on the seed and `step`; what
  /// the module draws itself comes from LibTorch's default generator, which the loop seeds.
  virtual torch::Tensor loss(std::int64_t step) = 0;
  /// Why the loss of one of the steps [first, last) may not be finite; empty if the data are fine.
  virtual std::string explain(std::int64_t first, std::int64_t last) = 0;
  /// Figures on held-out clips in evaluation mode; empty without such clips.
  virtual Figures validate() = 0;
};

/// Runs an objective's stages: optimiser, EMA, schedule, log, validation, checkpoints.
class Loop {
 public:
  /// `configuration` is the TOML text that checkpoints carry.
  Loop(Objective& objective, TrainingOptions options, std::string configuration);

  /// Goes on from the newest whole checkpoint of the run, or starts anew where there is none. Throws
  /// TrainingError if the checkpoint is of another configuration or of other data.
  void resume();
  /// Trains until the stages are done (true) or the time limit is over (false).
  bool run(Progress& progress);
  [[nodiscard]] std::int64_t step() const { return step_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool enter_stage();
  bool train(Progress& progress);
  void train_step();
  void after_step();
  void write_log();
  void validate();
  void save();
  void keep_best(const Figures& figures);
  [[nodiscard]] Checkpoint checkpoint() const;
  void finish();
  void restore(const Checkpoint& checkpoint);
  [[nodiscard]] std::int64_t total_steps() const;
  [[nodiscard]] double minutes_now() const;

  Objective& objective_;
  TrainingOptions options_;
  std::string configuration_;
  AdamW optimizer_;
  std::unique_ptr<Ema> ema_;

  std::int64_t step_ = 0, stage_step_ = 0;
  std::size_t stage_ = 0;
  std::int64_t saved_step_ = -1, validated_step_ = -1, logged_step_ = 0;
  double minutes_before_ = 0.0;
  double best_score_ = kNoScore;  ///< of the stage's validations
  Clock::time_point started_, logged_at_;
  torch::Tensor loss_sum_, norm_sum_;  ///< since the last row of the log
  double rate_ = 0.0;
  std::string note_;
};

}  // namespace partita::training
