#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "partita/base/progress.hpp"
#include "partita/io/config.hpp"
#include "partita/training/error.hpp"

namespace partita::training {

/// What [training] and [data] of a configuration say. Rates are per step.
struct TrainingOptions {
  std::filesystem::path store;   ///< latent store
  std::filesystem::path output;  ///< run folder: checkpoints/, log.csv, validation.csv, model/
  std::string name;              ///< of the model folder that comes out
  std::int64_t batch_size = 64;
  std::int64_t crop_frames = 512;
  std::int64_t autoencoder_steps = 0;     ///< stage 1 (α = 0, zero input)
  std::int64_t diffusion_steps = 100000;  ///< stage 2
  double learning_rate = 1e-4;
  double diffusion_learning_rate = 1e-4;  ///< of stage 2; learning_rate unless given
  double final_learning_rate =
      0.0;  ///< cosine decay to this over each stage; equal to learning_rate: constant
  double beta1 = 0.9;
  double beta2 = 0.999;
  double weight_decay = 0.01;
  double gradient_clip = 0.0;  ///< norm; 0: off
  std::int64_t warmup_steps = 0;
  double ema_decay = 0.0;  ///< 0: off
  std::int64_t log_every = 20;
  std::int64_t validate_every = 1000;
  std::int64_t checkpoint_every = 1000;
  std::int64_t validation_clips = 64;
  double minutes = 0.0;  ///< 0: no limit; otherwise a call checkpoints and returns after so long
  std::uint64_t seed = 0;
};

/// Reads and range-checks [training] and [data]. Throws io::IoError naming the key.
[[nodiscard]] TrainingOptions training_options(const io::Config& config);

/// `partita train decomposition`: runs until the configuration's steps are done, the time limit is
/// over or a stop is asked for; every end but a crash writes a checkpoint, and every end but a stop
/// a model folder, `<output>/model`. With `resume`, goes on from the newest whole checkpoint, on the
/// CPU bit for bit as if never stopped; without, refuses a run folder that holds checkpoints.
/// Throws TrainingError, io::IoError for the configuration, Interrupted after the checkpoint.
void train_decomposition(const io::Config& config, bool resume, torch::Device device, Progress& progress);

/// Turns a run's newest checkpoint (its EMA weights where kept) into a model folder: half precision,
/// component names learned on the labelled validation clips, model card with data and figures. Reads
/// the run's latent store.
void export_decomposition(const std::filesystem::path& run, const std::filesystem::path& model_folder);

}  // namespace partita::training
