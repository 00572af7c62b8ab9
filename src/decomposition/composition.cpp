#include "partita/decomposition/composition.hpp"

#include <array>
#include <utility>

#include "partita/codec/mel_codec.hpp"

namespace partita::decomposition {
namespace {

using Entry = std::pair<const char*, CompositionOperator>;

constexpr double kLeastLatent = 1e-4;  // in place of silence, whose root no gradient can pass

/// The operators that exist; a new one is a line here.
constexpr std::array<Entry, 6> kOperators{
    {{"sum", [](const torch::Tensor& components) { return components.sum(1); }},
     {"mean", [](const torch::Tensor& components) { return components.mean(1); }},
     {"min", [](const torch::Tensor& components) { return components.amin(1); }},
     {"max", [](const torch::Tensor& components) { return components.amax(1); }},
     {"power",
      [](const torch::Tensor& components) { return codec::add_powers(components.clamp_min(kLeastLatent)); }},
     {"logsumexp", [](const torch::Tensor& components) { return components.logsumexp(1); }}}};

}  // namespace

CompositionOperator composition_operator(const std::string& name) {
  for (const auto& [known, compose] : kOperators) {
    if (name == known) {
      return compose;
    }
  }
  fail<DecompositionError>("composition operator '{}' is unknown; use one of {}", name,
                           fmt::join(composition_operator_names(), ", "));
}

std::vector<std::string> composition_operator_names() {
  std::vector<std::string> names;
  names.reserve(kOperators.size());
  for (const auto& entry : kOperators) {
    names.emplace_back(entry.first);
  }
  return names;
}

}  // namespace partita::decomposition
