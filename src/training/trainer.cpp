#include "partita/training/trainer.hpp"

#include "decomposition_objective.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/loop.hpp"

namespace partita::training {

void train_decomposition(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  const TrainingOptions options = training_options(config);
  const decomposition::ModelOptions model = decomposition::model_options(config);
  config.finish();
  if (!resume && has_checkpoints(options.output)) {
    fail<TrainingError>("{}: already holds checkpoints; go on with --resume or give another output folder",
                        options.output.string());
  }
  {
    DecompositionObjective objective(options, model, device);
    Loop loop(objective, options, config.text());
    if (resume) loop.resume();
    loop.run(progress);
  }
  export_decomposition(options.output, options.output / "model");
}

}  // namespace partita::training
