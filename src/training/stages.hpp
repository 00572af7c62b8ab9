#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partita/io/config.hpp"
#include "partita/training/optimizer.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {

inline constexpr const char* kAutoencoderStage = "autoencoder";
inline constexpr const char* kDiffusionStage = "diffusion";

/// autoencoder_steps (α = 0 and a zero input), diffusion_steps or diffusion_epochs, and
/// diffusion_learning_rate of [training].
[[nodiscard]] std::vector<Stage> decomposition_stages(const io::Config& config,
                                                      const TrainingOptions& options);

/// Stages whose length is said in epochs, with the steps that these are: an epoch has as many as whole
/// batches fit into the training clips.
[[nodiscard]] std::vector<Stage> with_steps(std::vector<Stage> stages, std::int64_t clips,
                                            std::int64_t batch_size);

/// What [remix] of a configuration says.
struct RemixOptions {
  std::string decomposition;        ///< a model's folder or name
  std::int64_t rounds = 3;          ///< the teacher of each but the first is the network of the one before
  std::int64_t round_steps = 2000;  ///< steps a round
  double gain = 1.4;                ///< each part's latents are multiplied by a factor in [1/gain, gain]
  double equalizer = 1.0;           ///< and by a curve over the channels in [1/equalizer, equalizer]
  double transposition = 1.0;       ///< its channels are stretched by [1/transposition, transposition]
  std::int64_t teacher_steps = 20;  ///< sampling steps of a teacher that is no auto-encoder
};

/// Reads and range-checks [remix]. Throws io::IoError naming the key.
[[nodiscard]] RemixOptions remix_options(const io::Config& config);
[[nodiscard]] std::vector<Stage> remix_stages(const RemixOptions& remix, const TrainingOptions& options);

inline constexpr const char* kReconstructionStage = "reconstruction";
inline constexpr const char* kAdversarialStage = "adversarial";

/// What [adversary] of a configuration says: those who tell a vocoder's sounds from true ones.
struct AdversaryOptions {
  std::int64_t channels = 8;  ///< of each discriminator's layers
  std::int64_t layers = 4;
  double weight = 0.1;          ///< of deceiving them, beside the distance of spectra
  double feature_weight = 1.0;  ///< of sounding alike in their layers
};

/// Reads and range-checks [adversary]. Throws io::IoError naming the key.
[[nodiscard]] AdversaryOptions adversary_options(const io::Config& config);
/// reconstruction_steps, adversarial_steps and adversarial_learning_rate of [training].
[[nodiscard]] std::vector<Stage> vocoder_stages(const io::Config& config, const TrainingOptions& options);

/// What [masking] of a configuration says.
struct MaskingOptions {
  std::string decomposition;  ///< a model's folder or name
  double p_mask = 0.8;        ///< how often all components are masked (paper section 3.2)
};

/// Reads and range-checks [masking]. Throws io::IoError naming the key.
[[nodiscard]] MaskingOptions masking_options(const io::Config& config);
/// prior_steps or prior_epochs of [training].
[[nodiscard]] std::vector<Stage> prior_stages(const io::Config& config, const TrainingOptions& options);

/// What [augment] of a configuration says: how training sounds are changed, source by source (Défossez et al.
/// 2021, section 4.4). Those of stores have one channel, so that there are none to swap.
struct AugmentOptions {
  double least_gain = 0.25, most_gain = 1.25;
  bool flip_sign = true;
  bool remix = true;  ///< the sources of an example come from different examples of the batch
};

/// Reads and range-checks [augment]. Throws io::IoError naming the key.
[[nodiscard]] AugmentOptions augment_options(const io::Config& config);
/// supervised_steps or supervised_epochs of [training].
[[nodiscard]] std::vector<Stage> demucs_stages(const io::Config& config, const TrainingOptions& options);

inline constexpr const char* kVqVaeStage = "vqvae";
inline constexpr const char* kLassPriorsStage = "priors";

/// What [lass] of a configuration says.
struct LassTraining {
  double commitment = 0.25;   ///< of vectors to their codes, beside the reconstruction's error
  double gain = 1.4;          ///< each part's latents are multiplied by a factor in [1/gain, gain]
  std::int64_t pairs = 4000;  ///< of stems, whose sums are counted
};

/// Reads and range-checks [lass]. Throws io::IoError naming the key.
[[nodiscard]] LassTraining lass_training(const io::Config& config);
/// vqvae_steps, prior_steps and prior_learning_rate of [training].
[[nodiscard]] std::vector<Stage> lass_stages(const io::Config& config, const TrainingOptions& options);

}  // namespace partita::training
