#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/data/error.hpp"

namespace partita::data {

/// What a latent store says of itself (store.toml).
struct StoreInfo {
  std::string codec;
  int sample_rate = 0;
  std::int64_t latent_dim = 0;
  std::int64_t clip_frames = 0;      ///< latent frames a clip
  std::vector<std::string> sources;  ///< empty when stems are unknown
  std::int64_t codebooks = 0;        ///< clips are kept as codes of so many codebooks; 0: as latents
  double latent_step = 0.0;          ///< latents are kept as multiples of it, in 8 bits; 0: in half precision
  bool source_latents = true;        ///< the sources' latents are kept beside the mixtures'
};

/// Clips of a store: mixture `[clip, channel, frame]`, where stems are known sources `[clip, source, channel,
/// frame]`, and for clips kept as audio too mixture_audio `[n, sample]` and source_audio `[n, source,
/// sample]`. In a store of codes "channel" is the codebook.
struct StoreClips {
  torch::Tensor mixture, sources, mixture_audio, source_audio;
};

/// One split of a latent store on disk: `<store>/<split>/*.safetensors`, memory-mapped, with the tensors of
/// StoreClips: latents F16 or U8, codes I16 or I32, audio F32 or F16 (first n clips). Codes are decoded when
/// they are read, by the codec that store.toml names.
class LatentStore {
 public:
  /// Throws DataError for a store that is missing, unfinished, incomplete or not shaped as it says. `decoder`
  /// decodes codes in place of the codec by that name.
  LatentStore(const std::filesystem::path& store, const std::string& split,
              std::shared_ptr<codec::Codec> decoder = {});

  [[nodiscard]] const StoreInfo& info() const { return info_; }
  [[nodiscard]] std::int64_t size() const;  ///< clips
  /// A clip's mixture as it is kept: latents, their multiples of latent_step, or codes.
  [[nodiscard]] torch::Tensor kept(std::int64_t clip) const { return row(clip, &StoreClips::mixture); }
  /// Mixture latents of the given clips, float32 `[batch, channel, frame]`.
  [[nodiscard]] torch::Tensor mixtures(const std::vector<std::int64_t>& clips) const;
  /// The same of `frames` frames of each clip, from `offsets[i]` on: reads and decodes no more than these.
  [[nodiscard]] torch::Tensor mixture_crops(const std::vector<std::int64_t>& clips,
                                            const std::vector<std::int64_t>& offsets,
                                            std::int64_t frames) const;
  /// Source latents, float32 `[batch, source, channel, frame]`. Throws DataError where there are none.
  [[nodiscard]] torch::Tensor sources(const std::vector<std::int64_t>& clips) const;
  [[nodiscard]] bool has_audio() const;
  /// Clips kept as audio: the first so many.
  [[nodiscard]] std::int64_t audio_clips() const;
  /// Samples of each of them. Throws DataError where none is kept.
  [[nodiscard]] std::int64_t audio_length() const;
  /// Sounds of a clip that is kept as audio: its mixture and its sources.
  [[nodiscard]] std::int64_t sounds() const { return 1 + static_cast<std::int64_t>(info_.sources.size()); }
  /// `length` samples of each `clips[i]`'s sound `sounds[i]` (0: the mixture, k: source k − 1), from
  /// `offsets[i]` on: reads no more than these. `[batch, sample]`, float32.
  [[nodiscard]] torch::Tensor audio_crops(const std::vector<std::int64_t>& clips,
                                          const std::vector<std::int64_t>& sounds,
                                          const std::vector<std::int64_t>& offsets,
                                          std::int64_t length) const;
  /// All kept audio, that of clip i in row i: `[n, sample]` and `[n, source, sample]`, float32.
  [[nodiscard]] torch::Tensor mixture_audio() const;
  [[nodiscard]] torch::Tensor source_audio() const;
  /// Seconds that `mixtures`, `mixture_crops`, `sources` and `audio_crops` have taken so far, of all copies
  /// of this store.
  [[nodiscard]] double seconds_read() const { return static_cast<double>(read_->load()) * 1e-9; }

 private:
  struct Shard : StoreClips {
    std::int64_t first = 0;
  };
  [[nodiscard]] Shard open_shard(const std::filesystem::path& path) const;
  [[nodiscard]] const Shard& shard_of(std::int64_t clip) const;
  [[nodiscard]] torch::Tensor row(std::int64_t clip, torch::Tensor StoreClips::*part) const;
  [[nodiscard]] torch::Tensor sound(std::int64_t clip, std::int64_t index) const;
  [[nodiscard]] torch::Tensor latents(const std::vector<torch::Tensor>& rows) const;
  [[nodiscard]] torch::Tensor joined(torch::Tensor StoreClips::*part, const char* what) const;

  StoreInfo info_;
  std::shared_ptr<codec::Codec> codec_;  ///< of a store of codes
  std::vector<Shard> shards_;
  std::int64_t size_ = 0;
  std::shared_ptr<std::atomic<std::int64_t>> read_ = std::make_shared<std::atomic<std::int64_t>>(0);  ///< ns
};

/// Writes `<store>/<split>/<name>.safetensors`, atomically; audio in half precision where it comes so. Shards
/// are read in the order of their names. Throws DataError for shapes that disagree with `info`.
void write_shard(const std::filesystem::path& store, const std::string& split, const std::string& name,
                 const StoreInfo& info, const StoreClips& clips);

/// Makes the shards below `store` a store: writes index.json, which names them and their clips, and then
/// store.toml.
void finish_store(const std::filesystem::path& store, const StoreInfo& info);

/// Whether a finished store lies there.
[[nodiscard]] bool is_store(const std::filesystem::path& store);

/// Writes splits clip by clip; the store becomes readable when `finish` is called.
class StoreWriter {
 public:
  /// Throws DataError if the folder holds a finished store.
  StoreWriter(std::filesystem::path store, StoreInfo info);
  /// Adds clips to a split; sources and audio undefined where there are none. Clips with audio come before
  /// those without. Throws DataError for other shapes.
  void add(const std::string& split, const torch::Tensor& mixture, const torch::Tensor& sources,
           const torch::Tensor& mixture_audio, const torch::Tensor& source_audio);
  void finish();

 private:
  void flush(const std::string& split);
  struct Pending {
    std::vector<StoreClips> clips;
    std::int64_t bytes = 0;
    std::int64_t shards = 0;
    bool bare = false;  ///< clips without audio were added
  };
  std::filesystem::path store_;
  StoreInfo info_;
  std::map<std::string, Pending> pending_;
};

}  // namespace partita::data
