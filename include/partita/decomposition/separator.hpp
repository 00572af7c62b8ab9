#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/decomposition/model.hpp"
#include "partita/io/model_folder.hpp"

namespace partita::decomposition {

/// None: the components as the codec decodes them. Wiener: masks on the song's STFT, in proportion of the
/// components' power. Learned: the same, from what the model's mask network makes of the mixture instead of
/// from the components. Best: Learned where the model has a mask network, Wiener elsewhere.
enum class Refinement { None, Wiener, Learned, Best };

/// The weights of a model's mask network and of its prior, beside those of the model.
inline constexpr const char* kMasksFile = "masks.safetensors";
inline constexpr const char* kPriorFile = "prior.safetensors";

/// E and g of a model folder of kind "decomposition", on a device and in evaluation mode. Throws
/// DecompositionError for another kind, io::IoError for weights that do not fit the card.
[[nodiscard]] DecompositionModel load_model(const io::ModelFolder& folder, torch::Device device);
/// The mask network of a model folder that has one, with `model`'s sizes, in evaluation mode. Throws
/// io::IoError for weights that do not fit the card.
[[nodiscard]] nn::MaskNetwork load_masks(const io::ModelFolder& folder, const ModelOptions& model,
                                         torch::Device device);

struct SeparatorOptions {
  std::int64_t steps = 20;
  std::uint64_t seed = 0;
  Refinement refinement = Refinement::Best;
  /// What turns components of the codec "mel" into sound without refinement: a vocoder's name, "griffin-lim",
  /// or, empty, the vocoder "mel-vocoder" where there is one.
  std::string vocoder;
  bool consistency = false;
  double overlap = 0.25;  ///< of the model's window
  double mask_power = 2.0;
  std::int64_t mask_window = 2048;  ///< STFT of the song at its own rate (scaled from 44.1 kHz)
  diffusion::Solver solver = diffusion::Solver::Euler;
};

/// A trained decomposition model with its codec and names: what turns a mixture into stems.
class Separator {
 public:
  /// Loads a model folder of kind "decomposition": its card holds `name`, `kind`, `codec`, `components`
  /// (names, in the model's order), `window_frames` (512 unless given), the tables of `model_options`
  /// and, with weights in "masks.safetensors", that of `mask_options`; `licence`, [data], [training],
  /// [metrics] and [prior] may follow. Throws DecompositionError where card, codec and weights do not fit
  /// together, io::IoError for broken files, UsageError for options out of range and for learned
  /// refinement by a model without a mask network.
  Separator(const io::ModelFolder& folder, const SeparatorOptions& options,
            torch::Device device = torch::kCPU);

  /// In the model's own fixed order.
  [[nodiscard]] const std::vector<std::string>& component_names() const { return names_; }
  /// With the refinement that `Best` stands for.
  [[nodiscard]] const SeparatorOptions& options() const { return options_; }
  [[nodiscard]] codec::Codec& codec() { return *codec_; }
  [[nodiscard]] DecompositionModel& model() { return model_; }
  [[nodiscard]] const DecompositionModelImpl& model() const { return *model_; }
  /// Latent frames in one window.
  [[nodiscard]] std::int64_t window_frames() const { return window_frames_; }

  /// Components (masked mixtures where refinement is learned) in latent space of latents `[channel, frame]`
  /// of any length from one frame: windows, evenly spread, with triangular cross-fades; fewer frames than a
  /// window make one shorter window, its last frame repeated to what the U-Net needs. Window i draws its
  /// noise from (seed, i) alone. `[component, channel, frame]`. Throws Interrupted between windows.
  [[nodiscard]] torch::Tensor decompose_latents(const torch::Tensor& latents);

  /// Components `[component, channel, frame]` as the codec decodes them, `[component, sample]` on the CPU:
  /// the mean of the codec's channels. The operator *mean* leaves components at the level of whole sources
  /// whose mean is the mixture, so they are divided by their number in the model: then they add up to the
  /// song, as stems do, as far as the codec is linear.
  [[nodiscard]] torch::Tensor decode(const torch::Tensor& components);

  /// Stems of a whole short waveform `[channel, sample]` at `sample_rate`:
  /// `[component, channel, sample]`, on the CPU. The model hears the channels' mean. With Wiener
  /// refinement the stems add up to the input; without, each is what the codec decodes, the same in
  /// every channel, divided by the number of components where the operator is the mean.
  [[nodiscard]] torch::Tensor separate(const torch::Tensor& samples, int sample_rate);

 private:
  void load_masks(const io::ModelFolder& folder);
  [[nodiscard]] torch::Tensor components_of(const torch::Tensor& x, std::int64_t first_window);

  SeparatorOptions options_;
  torch::Device device_;
  std::shared_ptr<codec::Codec> codec_;
  DecompositionModel model_{nullptr};
  nn::MaskNetwork masks_{nullptr};  ///< empty unless refinement is learned
  std::vector<std::string> names_;
  std::int64_t window_frames_ = 512;
};

}  // namespace partita::decomposition
