#include "partita/data/store.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "partita/base/stopwatch.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/config.hpp"
#include "partita/io/report.hpp"
#include "partita/io/safetensors.hpp"
#include "store_files.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

StoreInfo read_info(const fs::path& store) {
  const fs::path path = store / kInfoFile;
  if (!fs::exists(path)) {
    fail<DataError>("{}: no latent store (no {} in it); make one with 'partita prepare'", store.string(),
                    kInfoFile);
  }
  const io::Config config = io::Config::load(path);
  config.require(config.get<std::int64_t>("version") == kVersion, "version",
                 fmt::format("{}, the version that this program reads", kVersion));
  StoreInfo info;
  info.codec = config.get<std::string>("codec");
  info.sample_rate = config.get<int>("sample_rate");
  info.latent_dim = config.get<std::int64_t>("latent_dim");
  info.clip_frames = config.get<std::int64_t>("clip_frames");
  info.sources = config.get<std::vector<std::string>>("sources");
  info.codebooks = config.get<std::int64_t>("codebooks", 0);
  info.latent_step = config.get<double>("latent_step", 0.0);
  info.source_latents = config.get<bool>("source_latents", true);
  config.require(info.latent_step >= 0.0, "latent_step", "0 or more");
  config.require(info.sample_rate > 0, "sample_rate", "a positive rate in Hz");
  config.require(info.latent_dim > 0, "latent_dim", "a positive number");
  config.require(info.clip_frames > 0, "clip_frames", "a positive number");
  config.finish();
  return info;
}

/// The shards of a split by the store's index, which says how many there must be; stores made before there
/// were indices have those that lie there.
std::vector<fs::path> indexed_shards(const fs::path& store, const std::string& split) {
  if (!fs::exists(store / kIndexFile)) return shard_paths(store / split);
  std::vector<fs::path> paths;
  try {
    const io::Json index = io::Json::parse(io::read_file(store / kIndexFile));
    if (!index.contains(split)) return {};
    for (const auto& shard : index.at(split))
      paths.push_back(store / split / shard.at("file").get<std::string>());
  } catch (const io::Json::exception& error) {
    fail<DataError>("{}: not a store's index ({}); prepare the store again", (store / kIndexFile).string(),
                    error.what());
  }
  return paths;
}

/// A tensor of a shard, of a wanted type and shape; −1 stands for any size.
torch::Tensor shard_tensor(const io::SafetensorsFile& file, const fs::path& path, const std::string& name,
                           const std::vector<torch::Dtype>& types, const std::vector<std::int64_t>& shape) {
  if (!file.contains(name)) {
    fail<DataError>("{}: no tensor '{}', which {} promises; prepare the store again", path.string(), name,
                    kInfoFile);
  }
  torch::Tensor tensor = file.tensor(name);
  const bool typed = std::find(types.begin(), types.end(), tensor.scalar_type()) != types.end();
  bool same = typed && tensor.dim() == static_cast<std::int64_t>(shape.size());
  for (std::size_t i = 0; same && i < shape.size(); ++i) {
    same = shape[i] < 0 || tensor.size(static_cast<std::int64_t>(i)) == shape[i];
  }
  if (!same) {
    fail<DataError>("{}: tensor '{}' is {} [{}], expected {} [{}] (-1: any) by {}; prepare the store again",
                    path.string(), name, c10::toString(tensor.scalar_type()),
                    fmt::join(tensor.sizes().vec(), ", "), c10::toString(types.front()),
                    fmt::join(shape, ", "), kInfoFile);
  }
  return tensor;
}

/// Adds the nanoseconds that it lives to a sum.
class Timed {
 public:
  explicit Timed(std::atomic<std::int64_t>& sum) : sum_(sum) {}
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  ~Timed() { sum_ += std::chrono::nanoseconds(stopwatch_.elapsed()).count(); }

 private:
  std::atomic<std::int64_t>& sum_;
  Stopwatch stopwatch_;
};

}  // namespace

LatentStore::LatentStore(const fs::path& store, const std::string& split,
                         std::shared_ptr<codec::Codec> decoder)
    : info_(read_info(store)), codec_(std::move(decoder)) {
  if (info_.codebooks > 0 && codec_ == nullptr) codec_ = codec::make_codec(info_.codec);
  for (const auto& path : indexed_shards(store, split)) {
    if (!fs::exists(path)) {
      fail<DataError>("{}: missing, though {} names it; prepare the store again", path.string(), kIndexFile);
    }
    Shard shard = open_shard(path);
    shard.first = size_;
    size_ += shard.mixture.size(0);
    shards_.push_back(std::move(shard));
  }
  if (size_ == 0) {
    fail<DataError>("{}: the store has no clips in its split '{}'", store.string(), split);
  }
}

LatentStore::Shard LatentStore::open_shard(const fs::path& path) const {
  const io::SafetensorsFile file(path);
  const auto sources = static_cast<std::int64_t>(info_.sources.size());
  const std::vector<torch::Dtype> types = clip_types(info_);
  const std::int64_t channels = clip_channels(info_);
  Shard shard;
  shard.mixture = shard_tensor(file, path, "mixture", types, {-1, channels, info_.clip_frames});
  const std::int64_t clips = shard.mixture.size(0);
  if (keeps_sources(info_)) {
    shard.sources = shard_tensor(file, path, "sources", types, {clips, sources, channels, info_.clip_frames});
  }
  if (!file.contains("mixture_audio")) return shard;
  const std::vector<torch::Dtype> audio_types{torch::kFloat32, torch::kFloat16};
  shard.mixture_audio = shard_tensor(file, path, "mixture_audio", audio_types, {-1, -1});
  if (sources > 0) {
    shard.source_audio = shard_tensor(file, path, "source_audio", audio_types,
                                      {shard.mixture_audio.size(0), sources, shard.mixture_audio.size(1)});
  }
  return shard;
}

std::int64_t LatentStore::size() const { return size_; }

const LatentStore::Shard& LatentStore::shard_of(std::int64_t clip) const {
  if (clip < 0 || clip >= size_) fail<DataError>("clip {} of a split with {} clips", clip, size_);
  const auto after =
      std::upper_bound(shards_.begin(), shards_.end(), clip,
                       [](std::int64_t value, const Shard& shard) { return value < shard.first; });
  return *(after - 1);
}

/// The memory-mapped row of a clip.
torch::Tensor LatentStore::row(std::int64_t clip, torch::Tensor StoreClips::*part) const {
  const Shard& shard = shard_of(clip);
  return (shard.*part)[clip - shard.first];
}

/// Rows, all of one shape, as float32 latents.
torch::Tensor LatentStore::latents(const std::vector<torch::Tensor>& rows) const {
  if (rows.empty()) fail<DataError>("no clips asked for");
  const torch::Tensor stacked = torch::stack(rows);
  if (info_.latent_step > 0.0) return stacked.to(torch::kFloat32) * info_.latent_step;
  if (info_.codebooks == 0) return stacked.to(torch::kFloat32);
  const torch::NoGradGuard no_gradients;
  std::vector<std::int64_t> shape = stacked.sizes().vec();
  const torch::Tensor codes = stacked.to(torch::kLong).reshape({-1, info_.codebooks, shape.back()});
  shape[shape.size() - 2] = info_.latent_dim;
  return codec_->decode_codes(codes).to(torch::kFloat32).reshape(shape);
}

torch::Tensor LatentStore::mixtures(const std::vector<std::int64_t>& clips) const {
  return mixture_crops(clips, std::vector<std::int64_t>(clips.size(), 0), info_.clip_frames);
}

torch::Tensor LatentStore::mixture_crops(const std::vector<std::int64_t>& clips,
                                         const std::vector<std::int64_t>& offsets,
                                         std::int64_t frames) const {
  const Timed timed(*read_);
  std::vector<torch::Tensor> rows;
  rows.reserve(clips.size());
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const std::int64_t offset = offsets.at(i);
    if (offset < 0 || frames < 1 || offset + frames > info_.clip_frames) {
      fail<DataError>("frames {} to {} of a clip of {}", offset, offset + frames, info_.clip_frames);
    }
    rows.push_back(row(clips[i], &StoreClips::mixture).narrow(-1, offset, frames));
  }
  return latents(rows);
}

torch::Tensor LatentStore::sources(const std::vector<std::int64_t>& clips) const {
  const Timed timed(*read_);
  if (!keeps_sources(info_)) {
    fail<DataError>(
        "the store has no source latents: it was prepared from mixtures without stems, or packed");
  }
  std::vector<torch::Tensor> rows;
  rows.reserve(clips.size());
  for (const std::int64_t clip : clips) rows.push_back(row(clip, &StoreClips::sources));
  return latents(rows);
}

bool LatentStore::has_audio() const {
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const Shard& shard) { return shard.mixture_audio.defined(); });
}

std::int64_t LatentStore::audio_clips() const {
  std::int64_t count = 0;
  for (const Shard& shard : shards_) {
    if (shard.mixture_audio.defined()) count += shard.mixture_audio.size(0);
  }
  return count;
}

std::int64_t LatentStore::audio_length() const { return sound(0, 0).size(0); }

/// A memory-mapped sound of a clip.
torch::Tensor LatentStore::sound(std::int64_t clip, std::int64_t index) const {
  const Shard& shard = shard_of(clip);
  const std::int64_t row = clip - shard.first;
  if (!shard.mixture_audio.defined() || row >= shard.mixture_audio.size(0)) {
    fail<DataError>("clip {} is not kept as audio", clip);
  }
  if (index < 0 || index >= sounds()) fail<DataError>("sound {} of a clip with {}", index, sounds());
  return index == 0 ? shard.mixture_audio[row] : shard.source_audio[row][index - 1];
}

torch::Tensor LatentStore::audio_crops(const std::vector<std::int64_t>& clips,
                                       const std::vector<std::int64_t>& sounds,
                                       const std::vector<std::int64_t>& offsets, std::int64_t length) const {
  const Timed timed(*read_);
  std::vector<torch::Tensor> rows;
  rows.reserve(clips.size());
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const torch::Tensor whole = sound(clips[i], sounds.at(i));
    const std::int64_t offset = offsets.at(i);
    if (offset < 0 || length < 1 || offset + length > whole.size(0)) {
      fail<DataError>("samples {} to {} of a clip of {}", offset, offset + length, whole.size(0));
    }
    rows.push_back(whole.narrow(0, offset, length));
  }
  if (rows.empty()) fail<DataError>("no clips asked for");
  return torch::stack(rows).to(torch::kFloat32);
}

torch::Tensor LatentStore::joined(torch::Tensor StoreClips::*part, const char* what) const {
  std::vector<torch::Tensor> parts;
  for (const auto& shard : shards_) {
    if ((shard.*part).defined()) parts.push_back(shard.*part);
  }
  if (parts.empty()) fail<DataError>("the split keeps no {}", what);
  return torch::cat(parts).to(torch::kFloat32);
}

torch::Tensor LatentStore::mixture_audio() const { return joined(&StoreClips::mixture_audio, "audio"); }

torch::Tensor LatentStore::source_audio() const {
  return joined(&StoreClips::source_audio, "audio of sources");
}

}  // namespace partita::data
