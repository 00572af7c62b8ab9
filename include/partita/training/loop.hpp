#pragma once

#include <torch/nn/module.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/training/batches.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/ema.hpp"
#include "partita/training/optimizer.hpp"
#include "partita/training/ranks.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {

/// Named validation figures, in the order in which they are logged.
using Figures = std::vector<std::pair<std::string, double>>;

/// Something to listen to: samples `[sample]` in −1 … 1.
struct Sound {
  std::string name;
  torch::Tensor samples;
  int sample_rate = 0;
};

struct Validation {
  Figures figures;            ///< "loss" first; with "si_sdr" where stems are known
  std::vector<Sound> sounds;  ///< of one clip
};

/// Tensors of a slice's examples, in an order of the objective's own.
using Inputs = std::vector<torch::Tensor>;

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
  /// Seconds that reading them has taken so far.
  [[nodiscard]] virtual double seconds_read() const = 0;
  /// What the loss of a slice's examples is computed from, on the device: read, and drawn by the seed and the
  /// example alone. Of the same shapes in all steps of a stage.
  virtual Inputs draw(const Slice& slice) = 0;
  /// The mean loss of these examples, a scalar, without asking the device for a value. What the module draws
  /// itself comes from LibTorch's default generator, which the loop seeds.
  virtual torch::Tensor loss(const Inputs& inputs) = 0;
  /// Why the loss of one of the steps [first, last) may not be finite; empty if the data are fine.
  virtual std::string explain(std::int64_t first, std::int64_t last) = 0;
  /// On held-out clips in evaluation mode; no figures without such clips.
  virtual Validation validate() = 0;
};

/// What the parts of a run take, in seconds.
struct Pace {
  std::vector<double> step;  ///< of each stage
  double validation = 0.0, checkpoint = 0.0;
  double once = 0.0;  ///< what the first steps and the first validation take beyond others
};

class RunLog;
class StepGraph;

/// Runs an objective's stages: optimiser, EMA, schedule, log, validation, checkpoints. With several ranks,
/// each takes its share of every batch, all take the same steps, and the first validates and writes.
class Loop {
 public:
  /// `configuration` is the TOML text that checkpoints carry. Throws TrainingError if the batch cannot be
  /// shared out evenly.
  Loop(Objective& objective, TrainingOptions options, std::string configuration, Ranks ranks = {});
  ~Loop();

  /// Goes on from the newest whole checkpoint of the run, or starts anew where there is none. Throws
  /// TrainingError if the checkpoint is of another configuration or of other data.
  void resume();
  /// Trains until the stages are done (true) or the time limit is over (false). A stage is done after its
  /// steps, or when `patience` validations brought none better.
  bool run(Progress& progress);
  [[nodiscard]] std::int64_t step() const { return step_; }
  /// Measured by doing them, checkpoints in the folder `scratch`; what has been trained so far is spoilt.
  [[nodiscard]] Pace pace(const std::filesystem::path& scratch);

 private:
  using Clock = std::chrono::steady_clock;

  bool enter_stage();
  [[nodiscard]] bool stage_done() const;
  bool train(Progress& progress);
  void train_step();
  [[nodiscard]] double step_seconds(Pace& pace);
  void clear_gradients();
  torch::Tensor pass(const Inputs& inputs);
  torch::Tensor accumulate_gradients();
  [[nodiscard]] bool hears_ranks() const;
  void join_ranks(const torch::Tensor& loss);
  void after_step();
  void write_log();
  void validate();
  void save();
  [[nodiscard]] Validation measured();
  void judge(const Validation& validation);
  [[nodiscard]] Checkpoint checkpoint() const;
  void finish();
  void check_same_run(const Checkpoint& checkpoint) const;
  void restore(const Checkpoint& checkpoint);
  [[nodiscard]] std::int64_t total_steps() const;
  [[nodiscard]] torch::Device device() const;
  [[nodiscard]] double minutes_now() const;

  Objective& objective_;
  TrainingOptions options_;
  std::string configuration_;
  Ranks ranks_;
  AdamW optimizer_;
  std::unique_ptr<StepGraph> graph_;
  std::unique_ptr<Ema> ema_;
  std::unique_ptr<RunLog> log_;

  std::int64_t step_ = 0, stage_step_ = 0;
  std::size_t stage_ = 0;
  std::int64_t saved_step_ = -1, validated_step_ = -1, logged_step_ = 0;
  double minutes_before_ = 0.0;
  double best_score_ = kNoScore;      ///< of the stage's validations
  std::int64_t stale_ = 0;            ///< validations since then
  bool stop_ = false, late_ = false;  ///< some rank was asked to stop, or is out of time
  Clock::time_point started_, logged_at_;
  double logged_read_ = 0.0;           ///< seconds
  torch::Tensor loss_sum_, norm_sum_;  ///< since the last row of the log
  double rate_ = 0.0;
  std::string note_;
};

}  // namespace partita::training
