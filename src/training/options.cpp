#include <algorithm>
#include <cmath>

#include "stages.hpp"

namespace partita::training {
namespace {

void read_steps(const io::Config& table, TrainingOptions& options) {
  options.warmup_steps = table.get<std::int64_t>("warmup_steps", options.warmup_steps);
  options.length = table.get<double>("length", options.length);
  options.log_every = table.get<std::int64_t>("log_every", options.log_every);
  options.validate_every = table.get<std::int64_t>("validate_every", options.validate_every);
  options.checkpoint_every = table.get<std::int64_t>("checkpoint_every", options.checkpoint_every);
  options.validation_clips = table.get<std::int64_t>("validation_clips", options.validation_clips);
  options.patience = table.get<std::int64_t>("patience", options.patience);
  options.minutes = table.get<double>("minutes", options.minutes);
  table.require(options.warmup_steps >= 0, "warmup_steps", "0 or more");
  table.require(options.length > 0.0, "length", "more than 0");
  table.require(options.log_every > 0, "log_every", "1 or more");
  table.require(options.validate_every > 0, "validate_every", "1 or more");
  table.require(options.checkpoint_every > 0, "checkpoint_every", "1 or more");
  table.require(options.validation_clips >= 0, "validation_clips", "0 or more");
  table.require(options.patience >= 0, "patience", "0 (never) or more validations");
  table.require(options.minutes >= 0.0, "minutes", "0 (no limit) or more");
  for (std::int64_t* interval : {&options.log_every, &options.validate_every, &options.checkpoint_every})
    *interval = options.lengthened(*interval);
}

void read_optimizer(const io::Config& table, TrainingOptions& options) {
  options.learning_rate = table.get<double>("learning_rate", options.learning_rate);
  options.final_learning_rate = table.get<double>("final_learning_rate", options.final_learning_rate);
  options.beta1 = table.get<double>("beta1", options.beta1);
  options.beta2 = table.get<double>("beta2", options.beta2);
  options.weight_decay = table.get<double>("weight_decay", options.weight_decay);
  options.gradient_clip = table.get<double>("gradient_clip", options.gradient_clip);
  options.ema_decay = table.get<double>("ema_decay", options.ema_decay);
  options.fused = table.get<bool>("fused", options.fused);
  options.cuda_graph = table.get<bool>("cuda_graph", options.cuda_graph);
  const auto precision = table.get<std::string>("precision", "float32");
  options.bfloat16 = precision == "bfloat16";
  table.require(options.bfloat16 || precision == "float32", "precision", "'float32' or 'bfloat16'");
  table.require(options.learning_rate > 0.0, "learning_rate", "more than 0");
  table.require(options.final_learning_rate >= 0.0, "final_learning_rate", "0 or more");
  table.require(options.beta1 >= 0.0 && options.beta1 < 1.0, "beta1", "in [0, 1)");
  table.require(options.beta2 >= 0.0 && options.beta2 < 1.0, "beta2", "in [0, 1)");
  table.require(options.weight_decay >= 0.0, "weight_decay", "0 or more");
  table.require(options.gradient_clip >= 0.0, "gradient_clip", "0 (off) or more");
  table.require(options.ema_decay >= 0.0 && options.ema_decay < 1.0, "ema_decay", "in [0, 1); 0 is off");
}

/// With the schedule of [training].
Stage stage_of(const TrainingOptions& options, const std::string& name, std::int64_t steps, double rate) {
  return {name, options.lengthened(steps), rate, options.final_learning_rate, options.warmup_steps};
}

/// Those of two stages that have steps.
std::vector<Stage> stages_with_steps(const Stage& first, const Stage& second) {
  std::vector<Stage> stages;
  for (const Stage& stage : {first, second}) {
    if (stage.steps > 0) stages.push_back(stage);
  }
  return stages;
}

/// Of a run that has no other: `<name>_steps` or `<name>_epochs` of [training].
Stage only_stage(const io::Config& config, const TrainingOptions& options, const std::string& name) {
  const io::Config table = config.table("training");
  const std::string in_epochs = name + "_epochs", in_steps = name + "_steps";
  const auto epochs = table.get<double>(in_epochs, 0.0);
  const auto steps = table.get<std::int64_t>(in_steps, epochs > 0.0 ? 1 : 100000);
  table.require(steps > 0, in_steps, "1 or more");
  table.require(epochs >= 0.0 && !(table.has(in_epochs) && table.has(in_steps)), in_epochs,
                "0 or more, in place of " + in_steps);
  Stage stage = stage_of(options, name, steps, options.learning_rate);
  stage.epochs = epochs * options.length;
  return stage;
}

std::vector<PartOptions> part_options(const io::Config& config, const TrainingOptions& options) {
  const io::Config parts = config.table("parts");
  std::vector<PartOptions> all;
  for (const std::string& name : parts.keys()) {
    const io::Config table = parts.table(name);
    PartOptions part{name, table.get<std::string>("store", options.store.string()),
                     table.get<std::string>("teacher", options.teacher),
                     table.get<std::string>("component", name)};
    table.require(!part.teacher.empty(), "teacher", "a model with masks, here or in [training]");
    all.push_back(std::move(part));
  }
  return all;
}

}  // namespace

std::int64_t TrainingOptions::lengthened(std::int64_t steps) const {
  if (steps == 0) return 0;
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(steps) * length));
}

TrainingOptions training_options(const io::Config& config) {
  const io::Config table = config.table("training");
  TrainingOptions options;
  options.store = config.table("data").get<std::string>("store");
  options.output = table.get<std::string>("output");
  options.name = table.get<std::string>("name", options.output.filename().string());
  options.batch_size = table.get<std::int64_t>("batch_size", options.batch_size);
  options.accumulate = table.get<std::int64_t>("accumulate", options.accumulate);
  options.crop_frames = table.get<std::int64_t>("crop_frames", options.crop_frames);
  options.rank_timeout = table.get<double>("rank_timeout", options.rank_timeout);
  options.teacher = table.get<std::string>("teacher", options.teacher);
  const auto seed = table.get<std::int64_t>("seed", 0);
  table.require(!options.name.empty(), "name", "a name for the model");
  table.require(options.batch_size > 0, "batch_size", "1 or more");
  table.require(options.accumulate > 0, "accumulate", "1 or more");
  table.require(options.rank_timeout >= 1.0, "rank_timeout", "1 second or more");
  table.require(options.crop_frames > 0, "crop_frames", "1 or more");
  table.require(seed >= 0, "seed", "0 or more");
  options.seed = static_cast<std::uint64_t>(seed);
  read_steps(table, options);
  read_optimizer(table, options);
  options.parts = part_options(config, options);
  return options;
}

std::vector<Stage> decomposition_stages(const io::Config& config, const TrainingOptions& options) {
  const io::Config table = config.table("training");
  const auto autoencoder = table.get<std::int64_t>("autoencoder_steps", 0);
  const auto epochs = table.get<double>("diffusion_epochs", 0.0);
  const auto diffusion = table.get<std::int64_t>("diffusion_steps", epochs > 0.0 ? 1 : 100000);
  const double diffusion_rate = table.get<double>("diffusion_learning_rate", options.learning_rate);
  table.require(autoencoder >= 0, "autoencoder_steps", "0 (no such stage) or more");
  table.require(diffusion >= 0, "diffusion_steps", "0 (no such stage) or more");
  table.require(autoencoder + diffusion > 0, "diffusion_steps", "at least one step in one of the stages");
  table.require(epochs >= 0.0 && !(table.has("diffusion_epochs") && table.has("diffusion_steps")),
                "diffusion_epochs", "0 or more, in place of diffusion_steps");
  table.require(diffusion_rate > 0.0, "diffusion_learning_rate", "more than 0");
  std::vector<Stage> stages =
      stages_with_steps(stage_of(options, kAutoencoderStage, autoencoder, options.learning_rate),
                        stage_of(options, kDiffusionStage, diffusion, diffusion_rate));
  if (epochs > 0.0) stages.back().epochs = epochs * options.length;
  return stages;
}

std::vector<Stage> with_steps(std::vector<Stage> stages, std::int64_t clips, std::int64_t batch_size) {
  for (Stage& stage : stages) {
    if (stage.epochs <= 0.0) continue;
    const auto batches = static_cast<double>(std::max<std::int64_t>(1, clips / batch_size));
    stage.steps = std::max<std::int64_t>(1, std::llround(stage.epochs * batches));
  }
  return stages;
}

RemixOptions remix_options(const io::Config& config) {
  const io::Config table = config.table("remix");
  RemixOptions options;
  options.decomposition = table.get<std::string>("decomposition");
  options.rounds = table.get<std::int64_t>("rounds", options.rounds);
  options.round_steps = table.get<std::int64_t>("round_steps", options.round_steps);
  options.gain = table.get<double>("gain", options.gain);
  options.equalizer = table.get<double>("equalizer", options.equalizer);
  options.transposition = table.get<double>("transposition", options.transposition);
  options.teacher_steps = table.get<std::int64_t>("teacher_steps", options.teacher_steps);
  table.require(options.rounds > 0, "rounds", "1 or more");
  table.require(options.round_steps > 0, "round_steps", "1 or more");
  table.require(options.gain >= 1.0 && options.gain <= 10.0, "gain", "a factor of 1 (none) to 10");
  table.require(options.equalizer >= 1.0 && options.equalizer <= 10.0, "equalizer",
                "a factor of 1 (none) to 10");
  table.require(options.transposition >= 1.0 && options.transposition <= 2.0, "transposition",
                "a factor of 1 (none) to 2");
  table.require(options.teacher_steps > 0, "teacher_steps", "1 or more");
  return options;
}

std::vector<Stage> remix_stages(const RemixOptions& remix, const TrainingOptions& options) {
  std::vector<Stage> stages;
  for (std::int64_t round = 1; round <= remix.rounds; ++round) {
    stages.push_back(
        stage_of(options, fmt::format("round-{}", round), remix.round_steps, options.learning_rate));
  }
  return stages;
}

AdversaryOptions adversary_options(const io::Config& config) {
  const io::Config table = config.table("adversary");
  AdversaryOptions options;
  options.channels = table.get<std::int64_t>("channels", options.channels);
  options.layers = table.get<std::int64_t>("layers", options.layers);
  options.weight = table.get<double>("weight", options.weight);
  options.feature_weight = table.get<double>("feature_weight", options.feature_weight);
  table.require(options.channels > 0, "channels", "1 or more");
  table.require(options.layers > 0 && options.layers <= 6, "layers", "1 to 6");
  table.require(options.weight >= 0.0, "weight", "0 or more");
  table.require(options.feature_weight >= 0.0, "feature_weight", "0 or more");
  return options;
}

std::vector<Stage> vocoder_stages(const io::Config& config, const TrainingOptions& options) {
  const io::Config table = config.table("training");
  const auto reconstruction = table.get<std::int64_t>("reconstruction_steps", 20000);
  const auto adversarial = table.get<std::int64_t>("adversarial_steps", 0);
  const double rate = table.get<double>("adversarial_learning_rate", options.learning_rate);
  table.require(reconstruction >= 0, "reconstruction_steps", "0 (no such stage) or more");
  table.require(adversarial >= 0, "adversarial_steps", "0 (no such stage) or more");
  table.require(reconstruction + adversarial > 0, "reconstruction_steps",
                "at least one step in one of the stages");
  table.require(rate > 0.0, "adversarial_learning_rate", "more than 0");
  return stages_with_steps(stage_of(options, kReconstructionStage, reconstruction, options.learning_rate),
                           stage_of(options, kAdversarialStage, adversarial, rate));
}

MaskingOptions masking_options(const io::Config& config) {
  const io::Config table = config.table("masking");
  MaskingOptions options;
  options.decomposition = table.get<std::string>("decomposition");
  options.p_mask = table.get<double>("p_mask", options.p_mask);
  table.require(options.p_mask >= 0.0 && options.p_mask <= 1.0, "p_mask", "a probability");
  return options;
}

std::vector<Stage> prior_stages(const io::Config& config, const TrainingOptions& options) {
  return {only_stage(config, options, "prior")};
}

AugmentOptions augment_options(const io::Config& config) {
  const io::Config table = config.table("augment");
  AugmentOptions options;
  options.least_gain = table.get<double>("least_gain", options.least_gain);
  options.most_gain = table.get<double>("most_gain", options.most_gain);
  options.flip_sign = table.get<bool>("flip_sign", options.flip_sign);
  options.remix = table.get<bool>("remix", options.remix);
  table.require(options.least_gain >= 0.0, "least_gain", "0 or more");
  table.require(options.most_gain >= options.least_gain && options.most_gain > 0.0, "most_gain",
                "more than 0 and no less than least_gain");
  return options;
}

std::vector<Stage> demucs_stages(const io::Config& config, const TrainingOptions& options) {
  return {only_stage(config, options, "supervised")};
}

LassTraining lass_training(const io::Config& config) {
  const io::Config table = config.table("lass");
  LassTraining training;
  training.commitment = table.get<double>("commitment", training.commitment);
  training.gain = table.get<double>("gain", training.gain);
  training.pairs = table.get<std::int64_t>("pairs", training.pairs);
  table.require(training.commitment >= 0.0, "commitment", "0 or more");
  table.require(training.gain >= 1.0 && training.gain <= 10.0, "gain", "a factor of 1 (none) to 10");
  table.require(training.pairs > 0, "pairs", "1 or more");
  return training;
}

std::vector<Stage> lass_stages(const io::Config& config, const TrainingOptions& options) {
  const io::Config table = config.table("training");
  const auto vqvae = table.get<std::int64_t>("vqvae_steps", 3000);
  const auto priors = table.get<std::int64_t>("prior_steps", 3000);
  const double rate = table.get<double>("prior_learning_rate", options.learning_rate);
  table.require(vqvae > 0, "vqvae_steps", "1 or more");
  table.require(priors > 0, "prior_steps", "1 or more");
  table.require(rate > 0.0, "prior_learning_rate", "more than 0");
  return {stage_of(options, kVqVaeStage, vqvae, options.learning_rate),
          stage_of(options, kLassPriorsStage, priors, rate)};
}

}  // namespace partita::training
