#include "partita/training/loop.hpp"

#include <algorithm>
#include <cmath>

#include "named_tensors.hpp"
#include "partita/base/device.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "run_log.hpp"
#include "step_graph.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kStepsBetweenSignals = 16;

AdamWOptions adamw_options(const TrainingOptions& options) {
  AdamWOptions adamw;
  adamw.beta1 = options.beta1;
  adamw.beta2 = options.beta2;
  adamw.weight_decay = options.weight_decay;
  adamw.fused = options.fused;
  return adamw;
}

double minutes_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / 60.0;
}

}  // namespace

Loop::Loop(Objective& objective, TrainingOptions options, std::string configuration, Ranks ranks)
    : objective_(objective),
      options_(std::move(options)),
      configuration_(std::move(configuration)),
      ranks_(std::move(ranks)),
      optimizer_(objective.module(), adamw_options(options_)),
      log_(std::make_unique<RunLog>(options_.output, ranks_.first())) {
  if (device().is_cuda())
    at::globalContext().setBenchmarkCuDNN(true);  // the batches of a stage have one shape
  if (options_.cuda_graph) {
    graph_ = std::make_unique<StepGraph>(device(), [this](const Inputs& inputs) { return pass(inputs); });
  }
  if (options_.ema_decay > 0.0) ema_ = std::make_unique<Ema>(objective_.module(), options_.ema_decay);
  if (options_.batch_size % (ranks_.size() * options_.accumulate) != 0) {
    fail<TrainingError>(
        "training.batch_size is {}: it must be a multiple of ranks times accumulate, {} times {} here",
        options_.batch_size, ranks_.size(), options_.accumulate);
  }
}

Loop::~Loop() = default;

std::int64_t Loop::total_steps() const {
  std::int64_t steps = 0;
  for (const Stage& stage : objective_.stages()) steps += stage.steps;
  return steps;
}

torch::Device Loop::device() const { return objective_.module().parameters().front().device(); }

double Loop::minutes_now() const { return minutes_before_ + minutes_since(started_); }

bool Loop::run(Progress& progress) {
  started_ = logged_at_ = Clock::now();
  logged_step_ = step_;
  logged_read_ = objective_.seconds_read();
  progress.begin("training", std::max<std::int64_t>(0, total_steps() - step_), "step");
  try {
    const bool done = train(progress);
    finish();
    ranks_.part();
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
    try {
      progress.advance(1, note_);
    } catch (const Interrupted&) {
      if (ranks_.size() == 1) throw;  // otherwise the next step tells all ranks at once
    }
    if (stop_) {
      ranks_.part();
      throw Interrupted();
    }
    if (late_) return !enter_stage();
  }
  return true;
}

bool Loop::stage_done() const {
  const bool patient = options_.patience == 0 || stale_ < options_.patience;
  return stage_step_ >= objective_.stages()[stage_].steps || !patient;
}

/// Moves on to the stage of the next step; false when all are done.
bool Loop::enter_stage() {
  const std::vector<Stage>& stages = objective_.stages();
  while (stage_done()) {
    if (stage_ + 1 == stages.size()) return false;
    ++stage_;
    stage_step_ = stale_ = 0;
    best_score_ = kNoScore;
  }
  objective_.begin_stage(stages[stage_].name);
  return true;
}

void Loop::train_step() {
  rate_ = learning_rate(objective_.stages()[stage_], stage_step_);
  objective_.module().train();
  clear_gradients();
  const torch::Tensor loss = accumulate_gradients();
  join_ranks(loss);
  const torch::Tensor norm = optimizer_.clip_gradients(options_.gradient_clip);
  optimizer_.step(rate_);
  if (ema_ != nullptr) ema_->update(step_);
  loss_sum_ = loss_sum_.defined() ? loss_sum_ + loss : loss;
  norm_sum_ = norm_sum_.defined() ? norm_sum_ + norm : norm;
  ++step_;
  ++stage_step_;
}

/// Gradients that a graph adds to stay where they are, until the next stage, which may leave other parameters
/// without one.
void Loop::clear_gradients() {
  const bool kept = graph_ != nullptr && stage_step_ > 0;
  if (graph_ != nullptr && !kept) graph_->forget();
  optimizer_.zero_grad(/*set_to_none=*/!kept);
}

/// Of one slice, as a share of the batch's.
torch::Tensor Loop::pass(const Inputs& inputs) {
  const torch::Tensor loss =
      objective_.loss(inputs) / static_cast<double>(ranks_.size() * options_.accumulate);
  loss.backward();
  return loss.detach();
}

/// The gradients of this rank's share of the batch's loss; returns that share.
torch::Tensor Loop::accumulate_gradients() {
  const std::int64_t count = options_.batch_size / (ranks_.size() * options_.accumulate);
  torch::Tensor sum;
  for (std::int64_t number = 0; number < options_.accumulate; ++number) {
    const Slice slice{step_, (ranks_.rank() * options_.accumulate + number) * count, count};
    torch::manual_seed(derive_seed(options_.seed, "step",
                                   static_cast<std::uint64_t>(step_ * options_.batch_size + slice.first)));
    const Inputs inputs = objective_.draw(slice);
    const torch::Tensor loss = graph_ != nullptr ? graph_->run(inputs) : pass(inputs);
    sum = sum.defined() ? sum + loss : loss;
  }
  return sum;
}

/// Whether the ranks hear in this step who must stop. The answer has to come from the device, which then
/// idles while the host catches up: on GPUs not at every step.
bool Loop::hears_ranks() const {
  return ranks_.size() == 1 || device().is_cpu() || (step_ + 1) % kStepsBetweenSignals == 0;
}

/// Sums gradients and loss over the ranks, and lets all know when one of them must stop.
void Loop::join_ranks(const torch::Tensor& loss) {
  const bool hears = hears_ranks();
  stop_ = hears && interrupt_requested();
  late_ = hears && options_.minutes > 0.0 && minutes_since(started_) >= options_.minutes;
  if (ranks_.size() == 1) return;
  std::vector<torch::Tensor> shared = optimizer_.gradients();
  const torch::Tensor signals = torch::tensor({stop_ ? 1.0F : 0.0F, late_ ? 1.0F : 0.0F});
  shared.push_back(loss);
  if (hears) shared.push_back(signals);
  ranks_.sum(shared);
  if (!hears) return;
  stop_ = signals[0].item<float>() > 0.0F;
  late_ = signals[1].item<float>() > 0.0F;
}

void Loop::after_step() {
  if (step_ % options_.log_every == 0 || stage_done()) write_log();
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
  log_->row("log", step_, objective_.stages()[stage_].name,
            {{"loss", loss},
             {"gradient_norm", norm},
             {"learning_rate", rate_},
             {"examples_per_second", speed},
             {"minutes", minutes_now()},
             {"reading", (objective_.seconds_read() - logged_read_) / std::max(seconds, 1e-9)}});
  note_ = fmt::format("loss {:.4f}", loss);
  loss_sum_ = norm_sum_ = torch::Tensor();
  logged_step_ = step_;
  logged_at_ = Clock::now();
  logged_read_ = objective_.seconds_read();
}

void Loop::validate() {
  if (validated_step_ == step_) return;
  write_log();
  const auto start = Clock::now();
  if (ranks_.first()) judge(measured());
  stale_ = static_cast<std::int64_t>(ranks_.agree(static_cast<double>(stale_)));
  validated_step_ = step_;
  logged_at_ += Clock::now() - start;
}

/// Validates the averaged weights.
Validation Loop::measured() {
  const EmaScope averaged(ema_.get());
  return objective_.validate();
}

/// Logs a validation and keeps the best: by SI-SDR where stems are known, by the loss elsewhere.
void Loop::judge(const Validation& validation) {
  const Figures& figures = validation.figures;
  if (figures.empty()) {
    if (options_.patience > 0) fail<TrainingError>("training.patience needs a store with validation clips");
    return;
  }
  log_->row("validation", step_, objective_.stages()[stage_].name, figures);
  const auto si_sdr = std::find_if(figures.begin(), figures.end(),
                                   [](const auto& figure) { return figure.first == "si_sdr"; });
  const double score = si_sdr != figures.end() ? si_sdr->second : -figures.front().second;
  ++stale_;
  if (!(score > best_score_)) return;
  best_score_ = score;
  stale_ = 0;
  log_->sounds(step_, validation.sounds);
  write_checkpoint(best_folder(options_.output), checkpoint(), 1);
}

void Loop::save() {
  if (saved_step_ == step_) return;
  write_log();
  if (ranks_.first()) write_checkpoint(options_.output, checkpoint());
  saved_step_ = step_;
}

Checkpoint Loop::checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.step = step_;
  checkpoint.stage = objective_.stages()[stage_].name;
  checkpoint.stage_step = stage_step_;
  checkpoint.clips = objective_.clips();
  checkpoint.minutes = minutes_now();
  checkpoint.machine = machine_text(device());
  checkpoint.best_score = best_score_;
  checkpoint.stale = stale_;
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
  const double step = checkpoint ? static_cast<double>(checkpoint->step) : -1.0;
  if (ranks_.agree(step) != step) {
    fail<TrainingError>(
        "{}: rank {} finds another checkpoint there than rank 0: all ranks must see one folder",
        options_.output.string(), ranks_.rank());
  }
  if (checkpoint) {
    check_same_run(*checkpoint);
    restore(*checkpoint);
  }
}

void Loop::check_same_run(const Checkpoint& checkpoint) const {
  if (const std::string key = configuration_difference(checkpoint.configuration, configuration_);
      !key.empty()) {
    fail<TrainingError>(
        "{}: the run was started with another configuration: {}; put it back or train into "
        "another output folder",
        options_.output.string(), key);
  }
  if (checkpoint.clips != objective_.clips()) {
    fail<TrainingError>(
        "{}: the run was started on {} training clips, the store now has {}; go on with the same "
        "store or train into another output folder",
        options_.output.string(), checkpoint.clips, objective_.clips());
  }
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
  stale_ = checkpoint.stale;
  objective_.begin_stage(stage->name);
  log_->resume(step_);
}

}  // namespace partita::training
