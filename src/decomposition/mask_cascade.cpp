#include "partita/decomposition/mask_cascade.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace partita::decomposition {

MaskCascade::MaskCascade(const std::vector<io::ModelFolder>& models, torch::Device device) {
  if (models.empty()) fail<DecompositionError>("expected at least one model with masks");
  for (const io::ModelFolder& model : models) {
    const io::Config& card = model.card();
    if (!card.has("masks")) {
      fail<DecompositionError>("{}: this model has no mask network", model.path().string());
    }
    masks_.push_back(load_masks(model, model_options(card), device));
    if (!names_.empty()) names_.pop_back();
    for (auto& name : card.get<std::vector<std::string>>("components")) names_.push_back(std::move(name));
  }
  if (const std::set<std::string> distinct(names_.begin(), names_.end()); distinct.size() != names_.size()) {
    fail<DecompositionError>("masks one after the other find {}: expected a name of its own for each",
                             fmt::join(names_, ", "));
  }
  order_.resize(names_.size());
  std::iota(order_.begin(), order_.end(), 0);
}

void MaskCascade::reorder(const std::vector<std::string>& names) {
  if (!std::is_permutation(names.begin(), names.end(), names_.begin(), names_.end())) {
    fail<DecompositionError>("masks that find {} cannot teach a model of {}", fmt::join(names_, ", "),
                             fmt::join(names, ", "));
  }
  std::vector<std::int64_t> order;
  order.reserve(names.size());
  for (const std::string& name : names) {
    order.push_back(
        order_[static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin())]);
  }
  names_ = names;
  order_ = std::move(order);
}

torch::Tensor MaskCascade::parts(const torch::Tensor& x, codec::Codec& codec) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> found;
  torch::Tensor rest = x;
  for (nn::MaskNetwork& masks : masks_) {
    const torch::Tensor parts = codec.share_out(rest, masks->forward(rest).to(x.scalar_type()));
    for (const torch::Tensor& part : parts.unbind(1)) found.push_back(part);
    rest = found.back();
    found.pop_back();
  }
  found.push_back(rest);
  std::vector<torch::Tensor> ordered;
  ordered.reserve(order_.size());
  for (const std::int64_t place : order_) ordered.push_back(found[static_cast<std::size_t>(place)]);
  return torch::stack(ordered, 1);
}

}  // namespace partita::decomposition
