#include "partita/training/trainer.hpp"

#include "decomposition_objective.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/loop.hpp"
#include "remix_objective.hpp"

namespace partita::training {
namespace {

/// A configuration read whole.
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
};

void check_fresh(const std::filesystem::path& run, bool resume) {
  if (!resume && has_checkpoints(run)) {
    fail<TrainingError>("{}: already holds checkpoints; go on with --resume or give another output folder",
                        run.string());
  }
}

void run_loop(Objective& objective, const TrainingOptions& options, const io::Config& config, bool resume,
              Progress& progress) {
  Loop loop(objective, options, config.text());
  if (resume) loop.resume();
  loop.run(progress);
}

}  // namespace

void check_configuration(const io::Config& config) {
  if (config.has("remix")) {
    (void)MasksSetup(config);
  } else {
    (void)DecompositionSetup(config);
  }
}

void train_decomposition(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  const DecompositionSetup setup(config);
  check_fresh(setup.options.output, resume);
  {
    DecompositionObjective objective(setup.options, setup.stages, setup.model, device);
    run_loop(objective, setup.options, config, resume, progress);
  }
  export_run(setup.options.output, setup.options.output / "model");
}

void train_masks(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  const MasksSetup setup(config);
  check_fresh(setup.options.output, resume);
  {
    RemixObjective objective(setup.options, setup.remix, setup.masks, setup.decomposition, device);
    run_loop(objective, setup.options, config, resume, progress);
  }
  export_run(setup.options.output, setup.options.output / "model");
}

}  // namespace partita::training
