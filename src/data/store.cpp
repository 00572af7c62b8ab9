#include "partita/data/store.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "partita/io/atomic_file.hpp"
#include "partita/io/config.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr const char* kInfoFile = "store.toml";
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kShardBytes = 256LL << 20;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

std::string info_text(const StoreInfo& info) {
  std::vector<std::string> sources;
  sources.reserve(info.sources.size());
  for (const auto& source : info.sources) sources.push_back(quoted(source));
  return fmt::format(
      "version = {}\ncodec = {}\nsample_rate = {}\nlatent_dim = {}\nclip_frames = {}\nsources = [{}]\n",
      kVersion, quoted(info.codec), info.sample_rate, info.latent_dim, info.clip_frames,
      fmt::join(sources, ", "));
}

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
  config.require(info.sample_rate > 0, "sample_rate", "a positive rate in Hz");
  config.require(info.latent_dim > 0, "latent_dim", "a positive number");
  config.require(info.clip_frames > 0, "clip_frames", "a positive number");
  config.finish();
  return info;
}

std::vector<fs::path> shard_paths(const fs::path& folder) {
  std::vector<fs::path> paths;
  if (!fs::is_directory(folder)) return paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    // Hidden files are temporaries of a writer that was killed.
    if (path.extension() == ".safetensors" && path.filename().string().front() != '.') paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// A tensor of a shard, of the wanted type and shape; −1 stands for any size.
torch::Tensor shard_tensor(const io::SafetensorsFile& file, const fs::path& path, const std::string& name,
                           torch::Dtype type, const std::vector<std::int64_t>& shape) {
  if (!file.contains(name)) {
    fail<DataError>("{}: no tensor '{}', which {} promises; prepare the store again", path.string(), name,
                    kInfoFile);
  }
  torch::Tensor tensor = file.tensor(name);
  bool same = tensor.scalar_type() == type && tensor.dim() == static_cast<std::int64_t>(shape.size());
  for (std::size_t i = 0; same && i < shape.size(); ++i) {
    same = shape[i] < 0 || tensor.size(static_cast<std::int64_t>(i)) == shape[i];
  }
  if (!same) {
    fail<DataError>("{}: tensor '{}' is {} [{}], expected {} [{}] (-1: any) by {}; prepare the store again",
                    path.string(), name, torch::toString(tensor.scalar_type()),
                    fmt::join(tensor.sizes().vec(), ", "), torch::toString(type), fmt::join(shape, ", "),
                    kInfoFile);
  }
  return tensor;
}

torch::Tensor joined(const std::vector<torch::Tensor>& parts, const char* what) {
  if (parts.empty()) fail<DataError>("the split keeps no {}", what);
  return parts.size() == 1 ? parts.front().clone() : torch::cat(parts);
}

}  // namespace

LatentStore::LatentStore(const fs::path& store, const std::string& split) : info_(read_info(store)) {
  const auto sources = static_cast<std::int64_t>(info_.sources.size());
  for (const auto& path : shard_paths(store / split)) {
    const io::SafetensorsFile file(path);
    Shard shard;
    shard.first = size_;
    shard.mixture =
        shard_tensor(file, path, "mixture", torch::kFloat16, {-1, info_.latent_dim, info_.clip_frames});
    const std::int64_t clips = shard.mixture.size(0);
    if (sources > 0) {
      shard.sources = shard_tensor(file, path, "sources", torch::kFloat16,
                                   {clips, sources, info_.latent_dim, info_.clip_frames});
    }
    if (file.contains("mixture_audio")) {
      shard.mixture_audio = shard_tensor(file, path, "mixture_audio", torch::kFloat32, {-1, -1});
      if (sources > 0) {
        shard.source_audio =
            shard_tensor(file, path, "source_audio", torch::kFloat32,
                         {shard.mixture_audio.size(0), sources, shard.mixture_audio.size(1)});
      }
    }
    size_ += clips;
    shards_.push_back(std::move(shard));
  }
  if (size_ == 0) {
    fail<DataError>("{}: the store has no clips in its split '{}'", store.string(), split);
  }
}

std::int64_t LatentStore::size() const { return size_; }

torch::Tensor LatentStore::gather(const std::vector<std::int64_t>& clips, torch::Tensor Shard::*part) const {
  std::vector<torch::Tensor> rows;
  rows.reserve(clips.size());
  for (const std::int64_t clip : clips) {
    if (clip < 0 || clip >= size_) fail<DataError>("clip {} of a split with {} clips", clip, size_);
    const auto after =
        std::upper_bound(shards_.begin(), shards_.end(), clip,
                         [](std::int64_t value, const Shard& shard) { return value < shard.first; });
    const Shard& shard = *(after - 1);
    rows.push_back((shard.*part)[clip - shard.first]);
  }
  if (rows.empty()) fail<DataError>("no clips asked for");
  return torch::stack(rows).to(torch::kFloat32);
}

torch::Tensor LatentStore::mixtures(const std::vector<std::int64_t>& clips) const {
  return gather(clips, &Shard::mixture);
}

torch::Tensor LatentStore::sources(const std::vector<std::int64_t>& clips) const {
  if (info_.sources.empty()) {
    fail<DataError>("the store was prepared from mixtures without stems: it has no source latents");
  }
  return gather(clips, &Shard::sources);
}

bool LatentStore::has_audio() const {
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const Shard& shard) { return shard.mixture_audio.defined(); });
}

torch::Tensor LatentStore::mixture_audio() const {
  std::vector<torch::Tensor> parts;
  for (const auto& shard : shards_) {
    if (shard.mixture_audio.defined()) parts.push_back(shard.mixture_audio);
  }
  return joined(parts, "audio");
}

torch::Tensor LatentStore::source_audio() const {
  std::vector<torch::Tensor> parts;
  for (const auto& shard : shards_) {
    if (shard.source_audio.defined()) parts.push_back(shard.source_audio);
  }
  return joined(parts, "audio of sources");
}

StoreWriter::StoreWriter(fs::path store, StoreInfo info) : store_(std::move(store)), info_(std::move(info)) {
  if (fs::exists(store_ / kInfoFile)) {
    fail<DataError>("{}: holds a latent store already; remove it or choose another folder", store_.string());
  }
}

void StoreWriter::add(const std::string& split, const torch::Tensor& mixture, const torch::Tensor& sources,
                      const torch::Tensor& mixture_audio, const torch::Tensor& source_audio) {
  const auto count = static_cast<std::int64_t>(info_.sources.size());
  const std::int64_t clips = mixture.size(0);
  const std::vector<std::int64_t> expected{clips, info_.latent_dim, info_.clip_frames};
  if (mixture.sizes().vec() != expected) {
    fail<DataError>("mixture latents are [{}], expected [{}]", fmt::join(mixture.sizes().vec(), ", "),
                    fmt::join(expected, ", "));
  }
  if (sources.defined() != (count > 0) ||
      (count > 0 && sources.sizes().vec() !=
                        std::vector<std::int64_t>{clips, count, info_.latent_dim, info_.clip_frames})) {
    fail<DataError>("source latents must be [{}, {}, {}, {}], one for each of the store's sources", clips,
                    count, info_.latent_dim, info_.clip_frames);
  }
  Pending& pending = pending_[split];
  if (mixture_audio.defined()) {
    if (mixture_audio.size(0) != clips || source_audio.defined() != (count > 0) || pending.bare) {
      fail<DataError>(
          "kept audio must come with every clip of a call, sources included, and before clips without");
    }
  }
  pending.bare = !mixture_audio.defined();
  if (pending.clips == 0 && pending.shards == 0) {  // shards of a run that was cut off
    for (const auto& path : shard_paths(store_ / split)) fs::remove(path);
  }
  pending.mixture.push_back(mixture.to(torch::kCPU, torch::kFloat16).contiguous());
  if (sources.defined()) pending.sources.push_back(sources.to(torch::kCPU, torch::kFloat16).contiguous());
  if (mixture_audio.defined())
    pending.mixture_audio.push_back(mixture_audio.to(torch::kCPU, torch::kFloat32));
  if (source_audio.defined()) pending.source_audio.push_back(source_audio.to(torch::kCPU, torch::kFloat32));
  pending.clips += clips;
  const std::int64_t clip_bytes = 2 * (1 + count) * info_.latent_dim * info_.clip_frames;
  if (pending.clips * clip_bytes >= kShardBytes) flush(split);
}

void StoreWriter::flush(const std::string& split) {
  Pending& pending = pending_[split];
  if (pending.clips == 0) return;
  io::TensorMap tensors{{"mixture", torch::cat(pending.mixture)}};
  if (!pending.sources.empty()) tensors["sources"] = torch::cat(pending.sources);
  if (!pending.mixture_audio.empty()) tensors["mixture_audio"] = torch::cat(pending.mixture_audio);
  if (!pending.source_audio.empty()) tensors["source_audio"] = torch::cat(pending.source_audio);
  io::write_safetensors(store_ / split / fmt::format("{:05}.safetensors", pending.shards), tensors);
  const std::int64_t shards = pending.shards + 1;
  const bool bare = pending.bare;
  pending = Pending{};
  pending.shards = shards;
  pending.bare = bare;
}

void StoreWriter::finish() {
  for (const auto& [split, pending] : pending_) flush(split);
  io::write_file(store_ / kInfoFile, info_text(info_));
}

}  // namespace partita::data
