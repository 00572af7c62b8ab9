#include "partita/training/trainer.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <system_error>

#include "decomposition_objective.hpp"
#include "demucs_objective.hpp"
#include "lass_objective.hpp"
#include "partita/base/device.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/loop.hpp"
#include "prior_objective.hpp"
#include "remix_objective.hpp"
#include "vocoder_objective.hpp"

namespace partita::training {
namespace {

constexpr double kAimedShare = 0.95;  // of the time that a run may take

// A configuration of each kind read whole, and what it trains.

struct DecompositionSetup {
  TrainingOptions options;
  std::vector<Stage> stages;
  decomposition::ModelOptions model;

  explicit DecompositionSetup(const io::Config& config)
      : options(training_options(config)),
        stages(decomposition_stages(config, options)),
        model(decomposition::model_options(config)) {
    config.finish();
  }
  [[nodiscard]] DecompositionObjective objective(torch::Device device) const {
    return {options, stages, model, device};
  }
};

struct MasksSetup {
  TrainingOptions options;
  RemixOptions remix;
  io::ModelFolder decomposition;
  nn::MaskNetworkOptions masks;

  explicit MasksSetup(const io::Config& config)
      : options(training_options(config)),
        remix(remix_options(config)),
        decomposition(io::find_model(remix.decomposition)),
        masks(decomposition::mask_options(config, decomposition::model_options(decomposition.card()))) {
    config.finish();
  }
  [[nodiscard]] RemixObjective objective(torch::Device device) const {
    return {options, remix, masks, decomposition, device};
  }
};

struct CodecSetup {
  TrainingOptions options;
  std::vector<Stage> stages;
  codec::MelVocoderOptions vocoder;
  AdversaryOptions adversary;

  explicit CodecSetup(const io::Config& config)
      : options(training_options(config)),
        stages(vocoder_stages(config, options)),
        vocoder(codec::mel_vocoder_options(config)),
        adversary(adversary_options(config)) {
    config.finish();
  }
  [[nodiscard]] VocoderObjective objective(torch::Device device) const {
    return {options, stages, vocoder, adversary, device};
  }
};

struct PriorSetup {
  TrainingOptions options;
  std::vector<Stage> stages;
  MaskingOptions masking;
  io::ModelFolder decomposition;
  recomposition::PriorOptions prior;

  explicit PriorSetup(const io::Config& config)
      : options(training_options(config)),
        stages(prior_stages(config, options)),
        masking(masking_options(config)),
        decomposition(io::find_model(masking.decomposition)),
        prior(recomposition::prior_options(config)) {
    config.finish();
  }
  [[nodiscard]] PriorObjective objective(torch::Device device) const {
    return {options, stages, masking, prior, decomposition, device};
  }
};

struct DemucsSetup {
  TrainingOptions options;
  std::vector<Stage> stages;
  baselines::DemucsOptions demucs;
  AugmentOptions augment;

  explicit DemucsSetup(const io::Config& config)
      : options(training_options(config)),
        stages(demucs_stages(config, options)),
        demucs(baselines::demucs_options(config)),
        augment(augment_options(config)) {
    config.finish();
  }
  [[nodiscard]] DemucsObjective objective(torch::Device device) const {
    return {options, stages, demucs, augment, device};
  }
};

struct LassSetup {
  TrainingOptions options;
  LassTraining training;
  std::vector<Stage> stages;
  baselines::LassOptions lass;

  explicit LassSetup(const io::Config& config)
      : options(training_options(config)),
        training(lass_training(config)),
        stages(lass_stages(config, options)),
        lass(baselines::lass_options(config, options.crop_frames)) {
    config.finish();
  }
  [[nodiscard]] LassObjective objective(torch::Device device) const {
    return {options, training, stages, lass, device};
  }
};

/// Calls `use` with the setup of a configuration's kind, which its tables tell.
template <class Use>
void with_setup(const io::Config& config, const Use& use) {
  if (config.has("remix")) {
    use(MasksSetup(config));
  } else if (config.has("vocoder")) {
    use(CodecSetup(config));
  } else if (config.has("masking")) {
    use(PriorSetup(config));
  } else if (config.has("demucs")) {
    use(DemucsSetup(config));
  } else if (config.has("vqvae")) {
    use(LassSetup(config));
  } else {
    use(DecompositionSetup(config));
  }
}

void check_fresh(const std::filesystem::path& run, bool resume) {
  if (!resume && has_checkpoints(run)) {
    fail<TrainingError>("{}: already holds checkpoints; go on with --resume or give another output folder",
                        run.string());
  }
}

/// Trains with the ranks of the environment, then has the first of them export.
template <class Setup>
void run_and_export(const Setup& setup, const io::Config& config, bool resume, torch::Device device,
                    Progress& progress) {
  const TrainingOptions& options = setup.options;
  check_fresh(options.output, resume);
  const torch::Device local = Ranks::local_device(device);
  Ranks ranks = Ranks::from_environment(local, std::chrono::seconds(std::llround(options.rank_timeout)));
  const bool first = ranks.first();
  if (options.bfloat16 && first && !has_bfloat16(local)) {
    spdlog::warn(
        "training.precision is 'bfloat16': this processor has no instructions for it (AVX-512 BF16), so "
        "that float32 would be faster");
  }
  {
    auto objective = setup.objective(local);
    Loop loop(objective, options, config.text(), std::move(ranks));
    if (resume) loop.resume();
    Progress silent;
    loop.run(first ? progress : silent);
  }
  if (first) export_run(options.output, options.output / "model");
}

/// A folder that is gone when this is.
struct ScratchFolder {
  std::filesystem::path path;

  explicit ScratchFolder(std::filesystem::path where) : path(std::move(where)) {}
  ~ScratchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
};

/// The plan for stages of the given pace.
Plan plan_of(const std::vector<Stage>& stages, const Pace& pace, const TrainingOptions& options,
             double minutes) {
  double steps = 0.0, training = 0.0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    steps += static_cast<double>(stages[i].steps);
    training += static_cast<double>(stages[i].steps) * pace.step[i];
  }
  // A validation may be the best, which is kept as a checkpoint of its own.
  const double kept =
      (steps / static_cast<double>(options.validate_every) + 1.0) * (pace.validation + pace.checkpoint) +
      (steps / static_cast<double>(options.checkpoint_every) + 1.0) * pace.checkpoint + pace.once;
  const double left = kAimedShare * 60.0 * minutes - kept;
  if (left <= 0.0) {
    fail<TrainingError>(
        "{:g} minutes are too short: validations and checkpoints alone take {:.1f}; give more, or validate "
        "more "
        "seldom (validate_every) or on fewer clips (validation_clips)",
        minutes, kept / 60.0);
  }
  Plan plan;
  plan.length = options.length * left / training;
  plan.minutes = (left + kept) / 60.0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const double planned = static_cast<double>(stages[i].steps) * left / training;
    plan.stages.push_back({stages[i].name, std::max<std::int64_t>(1, std::llround(planned)), pace.step[i]});
  }
  return plan;
}

}  // namespace

void check_configuration(const io::Config& config) {
  with_setup(config, [](const auto& /*setup*/) {});
}

Plan plan_run(const io::Config& config, double minutes, torch::Device device) {
  Plan plan;
  with_setup(config, [&](const auto& setup) {
    auto objective = setup.objective(device);
    Loop loop(objective, setup.options, config.text());
    const ScratchFolder scratch(setup.options.output / "plan");
    plan = plan_of(objective.stages(), loop.pace(scratch.path), setup.options, minutes);
  });
  return plan;
}

void train_decomposition(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  run_and_export(DecompositionSetup(config), config, resume, device, progress);
}

void train_masks(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  run_and_export(MasksSetup(config), config, resume, device, progress);
}

void train_codec(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  if (!config.has("vocoder")) {
    fail<TrainingError>(
        "the configuration has no [vocoder] table: 'train codec' trains a vocoder of mel latents; see "
        "configs/mel-vocoder.toml");
  }
  run_and_export(CodecSetup(config), config, resume, device, progress);
}

void train_prior(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  run_and_export(PriorSetup(config), config, resume, device, progress);
}

void train_demucs(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  if (!config.has("demucs")) {
    fail<TrainingError>(
        "the configuration has no [demucs] table: 'train demucs' trains a separator from stems; see "
        "configs/demucs-drums-bass.toml");
  }
  run_and_export(DemucsSetup(config), config, resume, device, progress);
}

void train_lass(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  if (!config.has("vqvae")) {
    fail<TrainingError>("the configuration has no [vqvae] table; see configs/lass-drums-bass.toml");
  }
  run_and_export(LassSetup(config), config, resume, device, progress);
}

}  // namespace partita::training
