#pragma once

#include <vector>

#include "partita/decomposition/mask_cascade.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {

/// The cascade of the models that teach. Throws as MaskCascade and io::find_model do.
[[nodiscard]] inline decomposition::MaskCascade teachers_of(const TrainingOptions& options,
                                                            torch::Device device) {
  std::vector<io::ModelFolder> models;
  for (const std::string& teacher : options.teachers) models.emplace_back(io::find_model(teacher));
  return {models, device};
}

}  // namespace partita::training
