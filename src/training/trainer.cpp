#include "partita/training/trainer.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cmath>

#include "decomposition_objective.hpp"
#include "partita/base/device.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/loop.hpp"
#include "prior_objective.hpp"
#include "remix_objective.hpp"
#include "vocoder_objective.hpp"

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
};

void check_fresh(const std::filesystem::path& run, bool resume) {
  if (!resume && has_checkpoints(run)) {
    fail<TrainingError>("{}: already holds checkpoints; go on with --resume or give another output folder",
                        run.string());
  }
}

/// Trains with the ranks of the environment, then has the first of them export; `objective` makes what is
/// trained, on a device.
template <class MakeObjective>
void run_and_export(const TrainingOptions& options, const io::Config& config, bool resume,
                    torch::Device device, Progress& progress, const MakeObjective& make_objective) {
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
    auto objective = make_objective(local);
    Loop loop(objective, options, config.text(), std::move(ranks));
    if (resume) loop.resume();
    Progress silent;
    loop.run(first ? progress : silent);
  }
  if (first) export_run(options.output, options.output / "model");
}

}  // namespace

void check_configuration(const io::Config& config) {
  if (config.has("remix")) {
    (void)MasksSetup(config);
  } else if (config.has("vocoder")) {
    (void)CodecSetup(config);
  } else if (config.has("masking")) {
    (void)PriorSetup(config);
  } else {
    (void)DecompositionSetup(config);
  }
}

void train_decomposition(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  const DecompositionSetup setup(config);
  run_and_export(setup.options, config, resume, device, progress, [&](torch::Device local) {
    return DecompositionObjective(setup.options, setup.stages, setup.model, local);
  });
}

void train_masks(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  const MasksSetup setup(config);
  run_and_export(setup.options, config, resume, device, progress, [&](torch::Device local) {
    return RemixObjective(setup.options, setup.remix, setup.masks, setup.decomposition, local);
  });
}

void train_codec(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  if (!config.has("vocoder")) {
    fail<TrainingError>(
        "the configuration has no [vocoder] table: 'train codec' trains a vocoder of mel latents; see "
        "configs/mel-vocoder.toml");
  }
  const CodecSetup setup(config);
  run_and_export(setup.options, config, resume, device, progress, [&](torch::Device local) {
    return VocoderObjective(setup.options, setup.stages, setup.vocoder, setup.adversary, local);
  });
}

void train_prior(const io::Config& config, bool resume, torch::Device device, Progress& progress) {
  const PriorSetup setup(config);
  run_and_export(setup.options, config, resume, device, progress, [&](torch::Device local) {
    return PriorObjective(setup.options, setup.stages, setup.masking, setup.prior, setup.decomposition,
                          local);
  });
}

}  // namespace partita::training
