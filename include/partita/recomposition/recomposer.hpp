#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "partita/decomposition/separator.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/recomposition/prior.hpp"

namespace partita::recomposition {

struct RecomposerOptions {
  RecomposeOptions how;
  decomposition::SeparatorOptions separator;  ///< its seed is that of all
};

/// A decomposition model with its prior: what makes parts anew (paper section 3.2).
class Recomposer {
 public:
  /// Loads a model folder of kind "decomposition" with weights in "prior.safetensors" and the table of
  /// `prior_options` in its card. Throws as Separator does, and UsageError for a model without a prior.
  Recomposer(const io::ModelFolder& folder, const RecomposerOptions& options,
             torch::Device device = torch::kCPU);

  [[nodiscard]] decomposition::Separator& separator() { return separator_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return separator_.component_names(); }
  [[nodiscard]] const RecomposerOptions& options() const { return options_; }
  [[nodiscard]] const LatentForm& form() const { return prior_->form(); }
  /// Frames of the codec's latents that one frame of z stands for.
  [[nodiscard]] std::int64_t latent_stride() const;

  /// The mask that makes the components of these names. Throws UsageError for a name that the model does not
  /// have, and where none is made.
  [[nodiscard]] Mask mask_of(const std::vector<std::string>& made) const;
  /// z `[component, channel, frame]` of the codec's latents x `[channel, frame]` of any length.
  [[nodiscard]] torch::Tensor encode(const torch::Tensor& x);
  /// z of so many samples at the codec's rate, for what is made from nothing: zeros.
  [[nodiscard]] torch::Tensor blank(std::int64_t samples);
  /// `recompose` under this seed; variation `index`.
  [[nodiscard]] torch::Tensor recompose(const torch::Tensor& z, const Mask& mask, std::uint64_t index);
  /// z that is normal noise with the mean and deviation that latents have over all songs
  /// `[component, channel, frame]`: where `recompose` starts from.
  [[nodiscard]] torch::Tensor noise(std::int64_t frames, std::uint64_t index) const;
  /// z as latents of the codec `[component, channel, frame]`, frame · latent_stride() of them: windows,
  /// cross-faded. `first` numbers the windows of one long z that is decoded piece by piece.
  [[nodiscard]] torch::Tensor components(const torch::Tensor& z, std::uint64_t first = 0);
  /// Component k of them, heard: `[sample]` at the codec's rate, at the level at which components add up to a
  /// mixture.
  [[nodiscard]] torch::Tensor decode(const torch::Tensor& z, std::int64_t k, std::uint64_t first = 0);

 private:
  RecomposerOptions options_;
  torch::Device device_;
  decomposition::Separator separator_;
  Prior prior_{nullptr};
};

}  // namespace partita::recomposition
