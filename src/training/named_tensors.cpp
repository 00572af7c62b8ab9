#include "named_tensors.hpp"

#include "partita/training/error.hpp"

namespace partita::training {

void copy_named(const io::TensorMap& source, const io::TensorMap& target, std::string_view what) {
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : source) {
    if (!target.contains(name)) fail<TrainingError>("{}: '{}' is not part of this model", what, name);
  }
  for (const auto& [name, tensor] : target) {
    const auto found = source.find(name);
    if (found == source.end()) fail<TrainingError>("{}: '{}' is missing", what, name);
    if (found->second.sizes() != tensor.sizes()) {
      fail<TrainingError>("{}: '{}' has {} values, expected {}", what, name, found->second.numel(),
                          tensor.numel());
    }
    tensor.copy_(found->second);
  }
}

}  // namespace partita::training
