#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"
#include "partita/nn/mask_network.hpp"
#include "partita/training/batches.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {

/// Sounds of one component, as the masks of a model find them in the mixtures of a store.
class TaughtPart {
 public:
  /// `place` tells its batches from those of other parts. Throws io::IoError for a model that is not there or
  /// broken, TrainingError for one without masks or without the component, and for a store that does not fit.
  TaughtPart(const PartOptions& part, const TrainingOptions& options, std::int64_t place,
             torch::Device device);

  [[nodiscard]] const std::string& name() const { return part_.name; }
  [[nodiscard]] const PartOptions& options() const { return part_; }
  [[nodiscard]] const nn::MaskNetwork& masks() const { return masks_; }
  [[nodiscard]] double seconds_read() const { return train_.seconds_read(); }

  /// In the crops of a step, `[batch, channel, frame]`.
  [[nodiscard]] torch::Tensor at(const Slice& slice);
  /// In the middle of validation clips.
  [[nodiscard]] torch::Tensor in_validation(const std::vector<std::int64_t>& clips);
  /// 0 where its store has no such split.
  [[nodiscard]] std::int64_t validation_clips() const { return validation_ ? validation_->size() : 0; }
  /// Why one of the clips of the steps [first, last) makes a loss that is not finite; empty if all are.
  [[nodiscard]] std::string explain(std::int64_t first, std::int64_t last);

 private:
  [[nodiscard]] torch::Tensor found(const torch::Tensor& mixtures);

  PartOptions part_;
  std::int64_t crop_frames_;
  bool bfloat16_;
  torch::Device device_;
  data::LatentStore train_;
  std::optional<data::LatentStore> validation_;
  std::shared_ptr<codec::Codec> codec_;
  nn::MaskNetwork masks_{nullptr};
  std::int64_t component_ = 0;  ///< of the masks
  Batches batches_;
};

/// A part for each of `options.parts` or, where there are none, for each component of `options.teacher`, in
/// their order; none without a teacher. Throws as TaughtPart does.
[[nodiscard]] std::vector<TaughtPart> taught_parts(const TrainingOptions& options, torch::Device device);

/// Those of a step together, `[batch, component, channel, frame]`.
[[nodiscard]] torch::Tensor parts_at(std::vector<TaughtPart>& parts, const Slice& slice);
/// Those of validation clips [first, first + count), each part from another one of the first `clips`.
[[nodiscard]] torch::Tensor validation_parts(std::vector<TaughtPart>& parts, std::int64_t first,
                                             std::int64_t count, std::int64_t clips);
/// Clips that every part's validation split has.
[[nodiscard]] std::int64_t common_validation_clips(const std::vector<TaughtPart>& parts);
/// Why one of the clips of the steps [first, last) makes a loss that is not finite; empty if all are.
[[nodiscard]] std::string unusable_clip(std::vector<TaughtPart>& parts, std::int64_t first,
                                        std::int64_t last);

}  // namespace partita::training
