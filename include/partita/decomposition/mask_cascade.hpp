#pragma once

#include <string>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/decomposition/separator.hpp"

namespace partita::decomposition {

/// Mask networks that take a mixture apart one after the other: each further one takes apart the last
/// component that the one before found, so that a model of drums and bass and one of bass and piano find
/// drums, bass and piano. One model alone is itself.
class MaskCascade {
 public:
  /// On a device, in evaluation mode. Throws DecompositionError for no model or one without masks,
  /// io::IoError for weights that do not fit their card.
  MaskCascade(const std::vector<io::ModelFolder>& models, torch::Device device);

  /// The components that come out, by the names that the models give them.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// Has the components come in another order. Throws DecompositionError where `names` are not theirs.
  void reorder(const std::vector<std::string>& names);
  /// Of the first model.
  [[nodiscard]] const nn::MaskNetwork& front() const { return masks_.front(); }

  /// The parts of mixtures `[batch, channel, frame]` of a codec that shares out power:
  /// `[batch, component, channel, frame]`; they superpose to the mixtures.
  [[nodiscard]] torch::Tensor parts(const torch::Tensor& x, codec::Codec& codec);

 private:
  std::vector<std::string> names_;
  std::vector<std::int64_t> order_;  ///< of what is found, in that of the names
  std::vector<nn::MaskNetwork> masks_;
};

}  // namespace partita::decomposition
