#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "partita/data/error.hpp"
#include "partita/io/safetensors.hpp"

namespace partita::data {

/// What a latent store says of itself (store.toml).
struct StoreInfo {
  std::string codec;
  int sample_rate = 0;
  std::int64_t latent_dim = 0;
  std::int64_t clip_frames = 0;      ///< latent frames a clip
  std::vector<std::string> sources;  ///< empty when stems are unknown
};

/// One split of a latent store on disk: `<store>/<split>/*.safetensors` with
/// "mixture" `[clip, channel, frame]` (F16), where stems are known "sources"
/// `[clip, source, channel, frame]` (F16), and for some clips of validation and test
/// "mixture_audio" `[n, sample]`, "source_audio" `[n, source, sample]` (F32, first n clips).
class LatentStore {
 public:
  LatentStore(const std::filesystem::path& store, const std::string& split);

  [[nodiscard]] const StoreInfo& info() const { return info_; }
  [[nodiscard]] std::int64_t size() const;  ///< clips
  /// Mixture latents of the given clips, float32 `[batch, channel, frame]`.
  [[nodiscard]] torch::Tensor mixtures(const std::vector<std::int64_t>& clips) const;
  /// Source latents, float32 `[batch, source, channel, frame]`. Throws DataError without stems.
  [[nodiscard]] torch::Tensor sources(const std::vector<std::int64_t>& clips) const;
  [[nodiscard]] bool has_audio() const;
  /// All kept audio, that of clip i in row i: `[n, sample]` and `[n, source, sample]`, float32.
  [[nodiscard]] torch::Tensor mixture_audio() const;
  [[nodiscard]] torch::Tensor source_audio() const;

 private:
  struct Shard {
    torch::Tensor mixture, sources, mixture_audio, source_audio;
    std::int64_t first = 0;
  };
  [[nodiscard]] torch::Tensor gather(const std::vector<std::int64_t>& clips,
                                     torch::Tensor Shard::*part) const;

  StoreInfo info_;
  std::vector<Shard> shards_;
  std::int64_t size_ = 0;
};

/// Writes a split shard by shard; the store becomes readable when `finish` has written store.toml.
class StoreWriter {
 public:
  /// Throws DataError if the folder holds a finished store.
  StoreWriter(std::filesystem::path store, StoreInfo info);
  /// Adds clips to a split: mixture `[clip, channel, frame]`, sources `[clip, source, channel, frame]`
  /// or undefined, audio likewise `[clip, sample]`, `[clip, source, sample]` or undefined. Clips with
  /// audio come before those without. Throws DataError for other shapes.
  void add(const std::string& split, const torch::Tensor& mixture, const torch::Tensor& sources,
           const torch::Tensor& mixture_audio, const torch::Tensor& source_audio);
  void finish();

 private:
  void flush(const std::string& split);
  struct Pending {
    std::vector<torch::Tensor> mixture, sources, mixture_audio, source_audio;
    std::int64_t clips = 0;
    std::int64_t shards = 0;
    bool bare = false;  ///< clips without audio were added
  };
  std::filesystem::path store_;
  StoreInfo info_;
  std::map<std::string, Pending> pending_;
};

}  // namespace partita::data
