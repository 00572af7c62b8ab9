#include "partita/base/join.hpp"

#include <c10/core/impl/LocalDispatchKeySet.h>

namespace partita {

torch::Tensor cat(const std::vector<torch::Tensor>& tensors, std::int64_t dimension) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
  return torch::cat(tensors, dimension);
}

torch::Tensor stack(const std::vector<torch::Tensor>& tensors, std::int64_t dimension) {
  std::vector<torch::Tensor> rows;
  rows.reserve(tensors.size());
  for (const torch::Tensor& tensor : tensors) rows.push_back(tensor.unsqueeze(dimension));
  return cat(rows, dimension);
}

}  // namespace partita
