#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/data/prepare.hpp"
#include "partita/data/store.hpp"
#include "tracks.hpp"

namespace partita::data {

/// A run of tracks that becomes one shard, and one more for clips that are kept as audio too.
struct TrackGroup {
  std::string split;
  std::string name;
  std::vector<Track> tracks;
  std::vector<std::int64_t> kept;  ///< for each track, how many of its clips are kept as audio at most
};

/// Turns tracks into clips of a store.
class ClipEncoder {
 public:
  explicit ClipEncoder(const PrepareOptions& options);

  [[nodiscard]] const StoreInfo& info() const { return info_; }
  /// Reads, cuts, encodes and writes a group. Its shards depend on the options and its tracks alone.
  [[nodiscard]] PrepareReport::Split write(const TrackGroup& group) const;

 private:
  [[nodiscard]] torch::Tensor read(const Track& track, PrepareReport::Split& report) const;
  [[nodiscard]] StoreClips encode(const torch::Tensor& sources, bool audio) const;
  [[nodiscard]] torch::Tensor encode_mono(const torch::Tensor& samples) const;
  void write_clips(const TrackGroup& group, const char* kind, const std::vector<StoreClips>& clips) const;

  const PrepareOptions& options_;
  std::shared_ptr<codec::Codec> codec_;
  StoreInfo info_;
  std::int64_t length_;
};

}  // namespace partita::data
