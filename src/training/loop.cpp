#include "partita/training/loop.hpp"

#include <algorithm>
#include <cmath>

#include "named_tensors.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "run_log.hpp"

namespace partita::training {
namespace {

AdamWOptions adamw_options(const TrainingOptions& options) {
  AdamWOptions adamw;
  adamw.beta1 = options.beta1;
  adamw.beta2 = options.beta2;
  adamw.weight_decay = options.weight_decay;
  return adamw;
}

double minutes_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / 60.0;
}

}  // namespace

Loop::Loop(Objective& objective, TrainingOptions options, std::string configuration)
    : objective_(objective),
      options_(std::move(options)),
      configuration_(std::move(configuration)),
      optimizer_(objective.module(), adamw_options(options_)) {
  if (options_.ema_decay > 0.0) ema_ = std::make_unique<Ema>(objective_.module(), options_.ema_decay);
}

std::int64_t Loop::total_steps() const {
  std::int64_t steps = 0;
  for (const Stage& stage : objective_.stages()) steps += stage.steps;
  return steps;
}

double Loop::minutes_now() const { return minutes_before_ + minutes_since(started_); }

bool Loop::run(Progress& progress) {
  started_ = logged_at_ = Clock::now();
  logged_step_ = step_;
  progress.begin("training", std::max<std::int64_t>(0, total_steps() - step_), "step");
  try {
    const bool done = train(progress);
    finish();
    progress.end();
    return done;
  } catch (const Interrupted&) {
    save();
    throw;
  }
}

bool Loop::train(Progress& progress) {
  while (enter_stage()) {
    train_step();
    after_step();
    progress.advance(1, note_);
    throw_if_interrupted();
    if (options_.minutes > 0.0 && minutes_since(started_) >= options_.minutes) return !enter_stage();
  }
  return true;
}

/// Moves on to the stage of the next step; false when all are done.
bool Loop::enter_stage() {
  const std::vector<Stage>& stages = objective_.stages();
  while (stage_step_ >= stages[stage_].steps) {
    if (stage_ + 1 == stages.size()) return false;
    ++stage_;
    stage_step_ = 0;
    best_score_ = kNoScore;
  }
  objective_.begin_stage(stages[stage_].name);
  return true;
}

void Loop::train_step() {
  rate_ = learning_rate(objective_.stages()[stage_], stage_step_);
  objective_.module().train();
  torch::manual_seed(derive_seed(options_.seed, "step", static_cast<std::uint64_t>(step_)));
  optimizer_.zero_grad();
  const torch::Tensor loss = objective_.loss(step_);
  loss.backward();
  const torch::Tensor norm = optimizer_.clip_gradients(options_.gradient_clip);
  optimizer_.step(rate_);
  if (ema_ != nullptr) ema_->update(step_);
  loss_sum_ = loss_sum_.defined() ? loss_sum_ + loss.detach() : loss.detach();
  norm_sum_ = norm_sum_.defined() ? norm_sum_ + norm : norm;
  ++step_;
  ++stage_step_;
}

void Loop::after_step() {
  const bool stage_done = stage_step_ >= objective_.stages()[stage_].steps;
  if (step_ % options_.log_every == 0 || stage_done) write_log();
  if (step_ % options_.validate_every == 0) validate();
  if (step_ % options_.checkpoint_every == 0) save();
}

/// Means since the last row; the one place where the loss is read, so that a device need not wait for
/// the host at every step.
void Loop::write_log() {
  if (step_ == logged_step_) return;
  const auto steps = static_cast<double>(step_ - logged_step_);
  const double loss = loss_sum_.item<double>() / steps;
  const double norm = norm_sum_.item<double>() / steps;
  if (!std::isfinite(loss) || !std::isfinite(norm)) {
    const std::string reason = objective_.explain(logged_step_, step_);
    fail<TrainingError>(
        "the loss is no longer finite between steps {} and {} (loss {}, gradient norm {}): {}; "
        "the checkpoints before it are as they were",
        logged_step_, step_, loss, norm,
        reason.empty() ? "lower learning_rate or set gradient_clip" : reason);
  }
  const double seconds = 60.0 * minutes_since(logged_at_);
  const double speed = steps * static_cast<double>(options_.batch_size) / std::max(seconds, 1e-9);
  append_row(options_.output / "log.csv",
             "step,stage,loss,gradient_norm,learning_rate,examples_per_second,minutes",
             fmt::format("{},{},{:.9g},{:.9g},{:.9g},{:.2f},{:.3f}", step_, objective_.stages()[stage_].name,
                         loss, norm, rate_, speed, minutes_now()));
  note_ = fmt::format("loss {:.4f}", loss);
  loss_sum_ = norm_sum_ = torch::Tensor();
  logged_step_ = step_;
  logged_at_ = Clock::now();
}

void Loop::validate() {
  if (validated_step_ == step_) return;
  write_log();
  const auto start = Clock::now();
  const EmaScope averaged(ema_.get());
  const Figures figures = objective_.validate();
  validated_step_ = step_;
  logged_at_ += Clock::now() - start;
  if (figures.empty()) return;
  std::string header = "step,stage";
  std::string row = fmt::format("{},{}", step_, objective_.stages()[stage_].name);
  for (const auto& [name, value] : figures) {
    header += "," + name;
    row += fmt::format(",{:.9g}", value);
  }
  append_row(options_.output / "validation.csv", header, row);
  keep_best(figures);
}

/// SI-SDR where stems are known, the loss elsewhere.
void Loop::keep_best(const Figures& figures) {
  const auto measured = std::find_if(figures.begin(), figures.end(),
                                     [](const auto& figure) { return figure.first == "si_sdr"; });
  const double score = measured != figures.end() ? measured->second : -figures.front().second;
  if (!(score > best_score_)) return;
  best_score_ = score;
  // The weights are exchanged for the averaged ones here; a checkpoint holds both in their own places.
  if (ema_ != nullptr) ema_->swap();
  write_checkpoint(best_folder(options_.output), checkpoint(), 1);
  if (ema_ != nullptr) ema_->swap();
}

void Loop::save() {
  if (saved_step_ == step_) return;
  write_log();
  write_checkpoint(options_.output, checkpoint());
  saved_step_ = step_;
}

Checkpoint Loop::checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.step = step_;
  checkpoint.stage = objective_.stages()[stage_].name;
  checkpoint.stage_step = stage_step_;
  checkpoint.clips = objective_.clips();
  checkpoint.minutes = minutes_now();
  checkpoint.best_score = best_score_;
  checkpoint.configuration = configuration_;
  checkpoint.state = io::with_prefix(io::state_of(objective_.module()), "model");
  checkpoint.state.merge(io::with_prefix(optimizer_.state(), "optimizer"));
  if (ema_ != nullptr) checkpoint.state.merge(io::with_prefix(ema_->state(), "ema"));
  return checkpoint;
}

void Loop::finish() {
  validate();
  save();
}

void Loop::resume() {
  const std::optional<Checkpoint> checkpoint = newest_checkpoint(options_.output);
  if (!checkpoint) return;
  if (const std::string key = configuration_difference(checkpoint->configuration, configuration_);
      !key.empty()) {
    fail<TrainingError>(
        "{}: the run was started with another configuration: {}; put it back or train into "
        "another output folder",
        options_.output.string(), key);
  }
  if (checkpoint->clips != objective_.clips()) {
    fail<TrainingError>(
        "{}: the run was started on {} training clips, the store now has {}; go on with the same "
        "store or train into another output folder",
        options_.output.string(), checkpoint->clips, objective_.clips());
  }
  restore(*checkpoint);
}

void Loop::restore(const Checkpoint& checkpoint) {
  const std::vector<Stage>& stages = objective_.stages();
  const auto stage = std::find_if(stages.begin(), stages.end(),
                                  [&](const Stage& candidate) { return candidate.name == checkpoint.stage; });
  if (stage == stages.end()) {
    fail<TrainingError>("{}: the checkpoint is in stage '{}', for which the configuration now has no steps",
                        options_.output.string(), checkpoint.stage);
  }
  io::load_state(objective_.module(), io::select(checkpoint.state, "model"), "checkpoint");
  optimizer_.load_state(io::select(checkpoint.state, "optimizer"), checkpoint.step);
  if (ema_ != nullptr) ema_->load_state(io::select(checkpoint.state, "ema"));
  stage_ = static_cast<std::size_t>(stage - stages.begin());
  stage_step_ = checkpoint.stage_step;
  step_ = saved_step_ = validated_step_ = checkpoint.step;
  minutes_before_ = checkpoint.minutes;
  best_score_ = checkpoint.best_score;
  objective_.begin_stage(stage->name);
  drop_rows_after(options_.output / "log.csv", step_);
  drop_rows_after(options_.output / "validation.csv", step_);
}

}  // namespace partita::training
