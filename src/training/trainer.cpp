#include "partita/training/trainer.hpp"

#include "decomposition_objective.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/loop.hpp"
#include "remix_objective.hpp"

namespace partita::training {
namespace {

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

void train_decomposition(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  const TrainingOptions options = training_options(config);
  const std::vector<Stage> stages = decomposition_stages(config, options);
  const decomposition::ModelOptions model = decomposition::model_options(config);
  config.finish();
  check_fresh(options.output, resume);
  {
    DecompositionObjective objective(options, stages, model, device);
    run_loop(objective, options, config, resume, progress);
  }
  export_run(options.output, options.output / "model");
}

void train_masks(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  const TrainingOptions options = training_options(config);
  const RemixOptions remix = remix_options(config);
  const io::ModelFolder decomposition(io::find_model(remix.decomposition));
  const nn::MaskNetworkOptions masks =
      decomposition::mask_options(config, decomposition::model_options(decomposition.card()));
  config.finish();
  check_fresh(options.output, resume);
  {
    RemixObjective objective(options, remix, masks, decomposition, device);
    run_loop(objective, options, config, resume, progress);
  }
  export_run(options.output, options.output / "model");
}

}  // namespace partita::training
