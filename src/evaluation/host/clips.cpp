#include "partita/evaluation/clips.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "partita/audio/file.hpp"
#include "partita/audio/resample.hpp"
#include "partita/data/store.hpp"

namespace partita::evaluation {
namespace fs = std::filesystem;
namespace {

/// Audio files of a folder by their stem: "drums" or "drums.authors".
std::map<std::string, fs::path> audio_files(const fs::path& folder) {
  std::map<std::string, fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && audio::has_audio_extension(entry.path())) {
      files.emplace(entry.path().stem().string(), entry.path());
    }
  }
  return files;
}

std::vector<fs::path> folders_below(const fs::path& folder) {
  std::vector<fs::path> folders{folder};
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

bool holds_exactly(const std::map<std::string, fs::path>& files, const std::vector<std::string>& sources) {
  std::set<std::string> names;
  for (const auto& [stem, path] : files) {
    if (stem != "mixture" && stem.find('.') == std::string::npos) names.insert(stem);
  }
  return names == std::set<std::string>(sources.begin(), sources.end());
}

torch::Tensor read_mono(const fs::path& path, int sample_rate) {
  const audio::Waveform waveform = audio::read_waveform(path);
  const torch::Tensor mono = waveform.samples.mean(0, true);
  return audio::resample(mono, waveform.sample_rate, sample_rate).squeeze(0);
}

torch::Tensor stack_to_shortest(const std::vector<torch::Tensor>& signals, std::int64_t length) {
  for (const auto& signal : signals) length = std::min(length, signal.size(0));
  std::vector<torch::Tensor> cut;
  cut.reserve(signals.size());
  for (const auto& signal : signals) cut.push_back(signal.narrow(0, 0, length));
  return torch::stack(cut);
}

Clip read_clip(const fs::path& folder, const std::map<std::string, fs::path>& files,
               const std::vector<std::string>& sources) {
  Clip clip;
  clip.name = folder.filename().string();
  clip.sample_rate = audio::AudioReader(files.at(sources.front())).info().sample_rate;
  std::vector<torch::Tensor> signals;
  signals.reserve(sources.size() + 1);
  for (const auto& source : sources) signals.push_back(read_mono(files.at(source), clip.sample_rate));
  const auto mixture = files.find("mixture");
  if (mixture != files.end()) signals.push_back(read_mono(mixture->second, clip.sample_rate));
  const torch::Tensor all = stack_to_shortest(signals, signals.front().size(0));
  const auto count = static_cast<std::int64_t>(sources.size());
  clip.references = all.narrow(0, 0, count);
  clip.mixture = mixture != files.end() ? all[count] : clip.references.mean(0);
  return clip;
}

}  // namespace

std::vector<Clip> clips_from_folders(const fs::path& folder, const std::vector<std::string>& sources) {
  if (!fs::is_directory(folder)) fail<EvaluationError>("{}: no such folder of clips", folder.string());
  std::vector<Clip> clips;
  for (const auto& path : folders_below(folder)) {
    const auto files = audio_files(path);
    if (holds_exactly(files, sources)) clips.push_back(read_clip(path, files, sources));
  }
  if (clips.empty()) {
    fail<EvaluationError>("{}: no folder in it holds exactly the sources {}, as files named after them",
                          folder.string(), fmt::join(sources, ", "));
  }
  return clips;
}

std::vector<Clip> clips_from_store(const fs::path& store, const std::string& split,
                                   const std::vector<std::string>& sources, std::int64_t count) {
  const data::LatentStore latents(store, split);
  if (!latents.has_audio()) fail<EvaluationError>("{}: split '{}' keeps no audio", store.string(), split);
  const auto& names = latents.info().sources;
  std::vector<std::int64_t> order;
  for (const auto& source : sources) {
    const auto found = std::find(names.begin(), names.end(), source);
    if (found == names.end() || names.size() != sources.size()) {
      fail<EvaluationError>("{}: holds the sources {}, expected {}", store.string(), fmt::join(names, ", "),
                            fmt::join(sources, ", "));
    }
    order.push_back(found - names.begin());
  }
  const torch::Tensor mixtures = latents.mixture_audio();
  const torch::Tensor references = latents.source_audio().index_select(1, torch::tensor(order, torch::kLong));
  std::vector<Clip> clips;
  for (std::int64_t i = 0; i < std::min(count, mixtures.size(0)); ++i) {
    clips.push_back({fmt::format("{}-{}", split, i), mixtures[i], references[i], latents.info().sample_rate});
  }
  return clips;
}

System file_system(const fs::path& folder, const std::string& suffix,
                   const std::vector<std::string>& sources) {
  return {suffix, [folder, suffix, sources](const Clip& clip) {
            const fs::path own = folder / clip.name;
            const auto files = audio_files(fs::is_directory(own) ? own : folder);
            std::vector<torch::Tensor> estimates;
            for (const auto& source : sources) {
              const auto found = files.find(fmt::format("{}.{}", source, suffix));
              if (found == files.end()) {
                fail<EvaluationError>("{}: no file called {}.{}.wav or the like", clip.name, source, suffix);
              }
              const torch::Tensor estimate = read_mono(found->second, clip.sample_rate);
              const std::int64_t length = clip.mixture.size(0);
              estimates.push_back(
                  torch::constant_pad_nd(estimate, {0, std::max<std::int64_t>(0, length - estimate.size(0))})
                      .narrow(0, 0, length));
            }
            return torch::stack(estimates);
          }};
}

}  // namespace partita::evaluation
