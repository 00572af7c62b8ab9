#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "partita/training/checkpoint.hpp"

namespace partita::training {
namespace {

using Flat = std::map<std::string, std::string>;

void flatten(const toml::table& table, const std::string& path, Flat& flat) {
  for (const auto& [key, node] : table) {
    const std::string name = path.empty() ? std::string(key.str()) : path + "." + std::string(key.str());
    if (const toml::table* below = node.as_table()) {
      flatten(*below, name, flat);
      continue;
    }
    std::ostringstream value;
    value << toml::node_view<const toml::node>{node};
    flat.emplace(name, value.str());
  }
}

Flat flatten(const std::string& text) {
  Flat flat;
  flatten(toml::parse(text), "", flat);
  return flat;
}

bool may_differ(const std::string& key) {
  static constexpr std::array<std::string_view, 19> kFree{"data.store",
                                                          "training.output",
                                                          "training.name",
                                                          "training.length",
                                                          "training.minutes",
                                                          "training.autoencoder_steps",
                                                          "training.diffusion_steps",
                                                          "training.reconstruction_steps",
                                                          "training.adversarial_steps",
                                                          "training.prior_steps",
                                                          "remix.rounds",
                                                          "training.accumulate",
                                                          "training.diffusion_epochs",
                                                          "training.fused",
                                                          "training.cuda_graph",
                                                          "training.patience",
                                                          "training.precision",
                                                          "training.rank_timeout",
                                                          "training.validation_clips"};
  return key.ends_with("_every") || std::find(kFree.begin(), kFree.end(), key) != kFree.end();
}

}  // namespace

std::string configuration_difference(const std::string& before, const std::string& now) {
  const Flat old_keys = flatten(before);
  const Flat new_keys = flatten(now);
  for (const auto& [key, value] : old_keys) {
    if (may_differ(key)) continue;
    const auto found = new_keys.find(key);
    if (found == new_keys.end()) return fmt::format("{} was {}, now it is not given", key, value);
    if (found->second != value) return fmt::format("{} was {}, now it is {}", key, value, found->second);
  }
  for (const auto& [key, value] : new_keys) {
    if (!may_differ(key) && !old_keys.contains(key)) {
      return fmt::format("{} was not given, now it is {}", key, value);
    }
  }
  return {};
}

}  // namespace partita::training
