#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "partita/data/store.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/report.hpp"
#include "partita/io/safetensors.hpp"
#include "store_files.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kShardBytes = 256LL << 20;
constexpr std::int64_t kHighestShort = 32767;

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
  std::string text = fmt::format(
      "version = {}\ncodec = {}\nsample_rate = {}\nlatent_dim = {}\nclip_frames = {}\nsources = [{}]\n"
      "codebooks = {}\n",
      kVersion, quoted(info.codec), info.sample_rate, info.latent_dim, info.clip_frames,
      fmt::join(sources, ", "), info.codebooks);
  if (info.latent_step > 0.0) text += fmt::format("latent_step = {:.9e}\n", info.latent_step);
  if (!info.source_latents) text += "source_latents = false\n";
  return text;
}

void check_shapes(const StoreInfo& info, const StoreClips& clips) {
  const auto count = static_cast<std::int64_t>(info.sources.size());
  const std::int64_t channels = clip_channels(info);
  const std::int64_t size = clips.mixture.size(0);
  const std::vector<std::int64_t> expected{size, channels, info.clip_frames};
  if (clips.mixture.sizes().vec() != expected) {
    fail<DataError>("mixture clips are [{}], expected [{}]", fmt::join(clips.mixture.sizes().vec(), ", "),
                    fmt::join(expected, ", "));
  }
  if (clips.sources.defined() != keeps_sources(info) ||
      (keeps_sources(info) &&
       clips.sources.sizes().vec() != std::vector<std::int64_t>{size, count, channels, info.clip_frames})) {
    fail<DataError>("source clips must be [{}, {}, {}, {}], one for each of the store's sources", size, count,
                    channels, info.clip_frames);
  }
  if (!clips.mixture_audio.defined()) return;
  if (clips.mixture_audio.size(0) > size || clips.source_audio.defined() != (count > 0)) {
    fail<DataError>("audio of {} clips beside {}; expected no more, and that of the sources with it",
                    clips.mixture_audio.size(0), size);
  }
}

/// Half precision latents or multiples of the store's step, or codes in as few bytes as they need.
torch::Tensor packed(const StoreInfo& info, const torch::Tensor& clips) {
  if (info.latent_step > 0.0)
    return (clips / info.latent_step)
        .round()
        .clamp(0, kHighestByte)
        .to(torch::kCPU, torch::kUInt8)
        .contiguous();
  if (info.codebooks == 0) return clips.to(torch::kCPU, torch::kFloat16).contiguous();
  const bool narrow = clips.numel() == 0 || clips.max().item<std::int64_t>() <= kHighestShort;
  return clips.to(torch::kCPU, narrow ? torch::kInt16 : torch::kInt32).contiguous();
}

torch::Tensor audible(const torch::Tensor& samples) {
  return samples.scalar_type() == torch::kFloat16 ? samples : samples.to(torch::kFloat32);
}

torch::Tensor joined_part(const std::vector<StoreClips>& clips, torch::Tensor StoreClips::*part) {
  std::vector<torch::Tensor> parts;
  for (const auto& each : clips) {
    if ((each.*part).defined()) parts.push_back(each.*part);
  }
  return parts.empty() ? torch::Tensor() : torch::cat(parts);
}

}  // namespace

StoreClips joined(const std::vector<StoreClips>& clips) {
  return {joined_part(clips, &StoreClips::mixture), joined_part(clips, &StoreClips::sources),
          joined_part(clips, &StoreClips::mixture_audio), joined_part(clips, &StoreClips::source_audio)};
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

bool is_store(const fs::path& store) { return fs::exists(store / kInfoFile); }

void write_shard(const fs::path& store, const std::string& split, const std::string& name,
                 const StoreInfo& info, const StoreClips& clips) {
  check_shapes(info, clips);
  io::TensorMap tensors{{"mixture", packed(info, clips.mixture)}};
  if (clips.sources.defined()) tensors["sources"] = packed(info, clips.sources);
  if (clips.mixture_audio.defined()) tensors["mixture_audio"] = audible(clips.mixture_audio);
  if (clips.source_audio.defined()) tensors["source_audio"] = audible(clips.source_audio);
  io::write_safetensors(store / split / (name + ".safetensors"), tensors);
}

void finish_store(const fs::path& store, const StoreInfo& info) {
  io::Json index = io::Json::object();
  for (const char* split : {"train", "validation", "test"}) {
    for (const auto& path : shard_paths(store / split)) {
      const io::SafetensorsFile shard(path);
      index[split].push_back(
          {{"file", path.filename().string()}, {"clips", shard.entries().at("mixture").shape.front()}});
    }
  }
  io::write_report(index, (store / kIndexFile).string());
  io::write_file(store / kInfoFile, info_text(info));
}

StoreWriter::StoreWriter(fs::path store, StoreInfo info) : store_(std::move(store)), info_(std::move(info)) {
  if (is_store(store_)) {
    fail<DataError>("{}: holds a latent store already; remove it or choose another folder", store_.string());
  }
}

void StoreWriter::add(const std::string& split, const torch::Tensor& mixture, const torch::Tensor& sources,
                      const torch::Tensor& mixture_audio, const torch::Tensor& source_audio) {
  const StoreClips clips{mixture, sources, mixture_audio, source_audio};
  check_shapes(info_, clips);
  Pending& pending = pending_[split];
  if (mixture_audio.defined() && (pending.bare || mixture_audio.size(0) != mixture.size(0))) {
    fail<DataError>("kept audio must come with every clip of a call, and before clips without");
  }
  pending.bare = !mixture_audio.defined();
  if (pending.clips.empty() && pending.shards == 0) {  // shards of a run that was cut off
    for (const auto& path : shard_paths(store_ / split)) fs::remove(path);
  }
  pending.clips.push_back(clips);
  pending.bytes += mixture.numel() * (1 + static_cast<std::int64_t>(info_.sources.size())) * 2;
  if (pending.bytes >= kShardBytes) flush(split);
}

void StoreWriter::flush(const std::string& split) {
  Pending& pending = pending_[split];
  if (pending.clips.empty()) return;
  write_shard(store_, split, fmt::format("{:05}", pending.shards++), info_, joined(pending.clips));
  pending.clips.clear();
  pending.bytes = 0;
}

void StoreWriter::finish() {
  for (const auto& [split, pending] : pending_) flush(split);
  finish_store(store_, info_);
}

}  // namespace partita::data
