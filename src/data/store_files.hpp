#pragma once

#include <torch/types.h>

#include <filesystem>
#include <vector>

#include "partita/data/store.hpp"

namespace partita::data {

constexpr const char* kInfoFile = "store.toml";
constexpr const char* kIndexFile = "index.json";
constexpr std::int64_t kVersion = 1;
constexpr double kHighestByte = 255.0;

/// The shards that lie in a folder, sorted by name.
[[nodiscard]] std::vector<std::filesystem::path> shard_paths(const std::filesystem::path& folder);

/// The clips of all, one after the other; a part that none has stays undefined.
[[nodiscard]] StoreClips joined(const std::vector<StoreClips>& clips);

/// Types that a store's clips may have.
[[nodiscard]] inline std::vector<torch::Dtype> clip_types(const StoreInfo& info) {
  if (info.codebooks > 0) return {torch::kInt16, torch::kInt32};
  return {info.latent_step > 0.0 ? torch::kUInt8 : torch::kFloat16};
}

/// Whether shards have the sources' latents.
[[nodiscard]] inline bool keeps_sources(const StoreInfo& info) {
  return info.source_latents && !info.sources.empty();
}

/// Channels of a kept clip: latent dimensions or codebooks.
[[nodiscard]] inline std::int64_t clip_channels(const StoreInfo& info) {
  return info.codebooks > 0 ? info.codebooks : info.latent_dim;
}

}  // namespace partita::data
