#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/io/config.hpp"
#include "partita/training/error.hpp"

namespace partita::training {

/// [parts.NAME] of a configuration: where the sounds of a component are found that others learn from first.
struct PartOptions {
  std::string name;             ///< of the component
  std::filesystem::path store;  ///< whose mixtures they are found in; [data]'s unless given
  std::string teacher;          ///< a model with masks, which find them; that of [training] unless given
  std::string component;        ///< of that model; of the same name unless given
};

/// What [data] says, and [training] but for the stages, which depend on what is trained. Rates are per step.
struct TrainingOptions {
  std::filesystem::path store;   ///< latent store
  std::filesystem::path output;  ///< run folder: checkpoints/, log.csv, validation.csv, model/
  std::string name;              ///< of the model folder that comes out
  std::int64_t batch_size = 64;  ///< clips a step, over all ranks
  std::int64_t accumulate = 1;   ///< backward passes a step and rank, each over as many clips
  std::int64_t crop_frames = 512;
  double learning_rate = 1e-4;
  double final_learning_rate =
      0.0;  ///< cosine decay to this over each stage; equal to learning_rate: constant
  double beta1 = 0.9;
  double beta2 = 0.999;
  double weight_decay = 0.01;
  double gradient_clip = 0.0;  ///< norm; 0: off
  std::int64_t warmup_steps = 0;
  double ema_decay = 0.0;   ///< 0: off
  bool fused = true;        ///< the optimiser's one-pass kernel
  bool cuda_graph = false;  ///< on a GPU the passes of a step are recorded once and launched as a whole
  bool bfloat16 = false;    ///< precision = "bfloat16": autocast; weights, losses and moments stay float32
  double length = 1.0;      ///< stages and intervals take so many times the steps that are said
  std::int64_t log_every = 20;
  std::int64_t validate_every = 1000;
  std::int64_t checkpoint_every = 1000;
  std::int64_t validation_clips = 64;
  std::int64_t patience = 0;    ///< validations without a better one that end a stage; 0: never
  double minutes = 0.0;         ///< 0: no limit; otherwise a call checkpoints and returns after so long
  double rank_timeout = 600.0;  ///< seconds after which a rank that does not answer stops the others
  std::uint64_t seed = 0;
  /// A model whose masks find the parts that the components of an auto-encoder stage are to be, or that the
  /// first round of masks learns from; none: E and g alone
  std::string teacher;
  std::vector<PartOptions> parts;  ///< where not all come from `teacher` and `store`: one a component

  /// `steps` times `length`; at least one, where there are any.
  [[nodiscard]] std::int64_t lengthened(std::int64_t steps) const;
};

/// Reads and range-checks them. Throws io::IoError naming the key.
[[nodiscard]] TrainingOptions training_options(const io::Config& config);

/// Reads the configuration of any kind of training whole, as training would. Throws io::IoError naming the
/// key that is wrong or unknown.
void check_configuration(const io::Config& config);

/// A run that is to take a given time.
struct Plan {
  double length = 1.0;   ///< TrainingOptions::length that makes it so long
  double minutes = 0.0;  ///< that it is expected to take
  struct Stage {
    std::string name;
    std::int64_t steps = 0;
    double step_seconds = 0.0;
  };
  std::vector<Stage> stages;
};

/// `partita train plan`: how much longer or shorter than it says a configuration of any kind must be made for
/// its run to take `minutes` on this device, so that its learning rates fall to the end and as many
/// validations are made as it says. Measured on some steps of every stage, a validation and a checkpoint,
/// none of which is kept. Aims a twentieth below the time. Throws as training does, and TrainingError if the
/// time is too short for what does not shrink.
[[nodiscard]] Plan plan_run(const io::Config& config, double minutes, torch::Device device);

/// `partita train decomposition`: runs until the configuration's steps are done, the time limit is
/// over or a stop is asked for; every end but a crash writes a checkpoint, and every end but a stop
/// a model folder, `<output>/model`. With `resume`, goes on from the newest whole checkpoint, on the
/// CPU bit for bit as if never stopped; without, refuses a run folder that holds checkpoints.
/// Throws TrainingError, io::IoError for the configuration, Interrupted after the checkpoint.
void train_decomposition(const io::Config& config, bool resume, torch::Device device, Progress& progress);

/// `partita train masks`: the mask network of a decomposition model's learned refinement, by bootstrapped
/// remixing (RemixIT, Tzinis et al. 2022), from mixtures alone. Parts that the model finds in different songs
/// are laid together, and the network learns to take these remixes apart; from the second round on, the
/// parts are those that the network of the round before finds. What the teacher mixes up is not what the
/// remix mixes up, so the errors average out. As `train_decomposition` otherwise; the model folder that
/// comes out is the decomposition's with the mask network added.
void train_masks(const io::Config& config, bool resume, torch::Device device, Progress& progress);

/// `partita train codec`: a vocoder that turns mel latents into sound (codec::MelVocoder), from the sounds of
/// a store that keeps the audio of its training clips, by the distance of spectra and, in a second stage,
/// against discriminators. As `train_decomposition` otherwise; the model folder that comes out is of kind
/// "codec".
void train_codec(const io::Config& config, bool resume, torch::Device device, Progress& progress);

/// `partita train prior`: the masked prior of a decomposition's latents (paper section 3.2, algorithm 1), E
/// and g frozen. As `train_decomposition` otherwise; the model folder that comes out is the decomposition's
/// with the prior added.
void train_prior(const io::Config& config, bool resume, torch::Device device, Progress& progress);

/// `partita train demucs`: a supervised separator of waveforms (baselines::Demucs) from the stems of a store
/// that keeps the audio of its training clips, what its sources are measured against. As
/// `train_decomposition` otherwise; the model folder that comes out is of kind "demucs".
void train_demucs(const io::Config& config, bool resume, torch::Device device, Progress& progress);

/// `partita train lass`: latent autoregressive source separation (Postolache et al. 2023), supervised, from a
/// store with the latents of two sources. First a VQ-VAE of sources and of their mixtures, then, its codes
/// fixed, one autoregressive prior a source; the likelihood of sums is counted for validation and at export.
/// The parts of a mixture come from different songs, as the priors take them to be independent. One rank; as
/// `train_decomposition` otherwise; the model folder that comes out is of kind "lass".
void train_lass(const io::Config& config, bool resume, torch::Device device, Progress& progress);

enum class Pick {
  Best,   ///< by validation in the last stage: SI-SDR where stems are taken apart, the loss elsewhere
  Newest  ///< the last checkpoint
};

/// Turns a checkpoint of a run (its EMA weights where kept) into a model folder: half precision, component
/// names learned on the labelled validation clips, model card with data and figures. Reads the run's latent
/// store and, for masks and priors, the decomposition's folder.
void export_run(const std::filesystem::path& run, const std::filesystem::path& model_folder,
                Pick pick = Pick::Best);

}  // namespace partita::training
