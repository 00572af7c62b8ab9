#include "partita/evaluation/systems.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "partita/baselines/baseline.hpp"
#include "partita/baselines/demucs.hpp"
#include "partita/baselines/lass.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/published_weights.hpp"

namespace partita::evaluation {
namespace {

using decomposition::Refinement;

const char* suffix(Refinement refinement) {
  switch (refinement) {
    case Refinement::None:
      return " (raw components)";
    case Refinement::Wiener:
      return " (wiener)";
    case Refinement::Learned:
      return " (learned)";
    case Refinement::Best:
      break;
  }
  return "";
}

/// A baseline tells what strikes, or lies high, from what is held and low: drums from bass. Where there is
/// only one of these, it is that, and the other source the other; of three, what is not drums is taken apart
/// again.
decomposition::StemSource baseline_source(const baselines::Baseline& baseline, std::uint64_t seed,
                                          const std::vector<std::string>& sources) {
  const auto separate = [&baseline, seed](const torch::Tensor& samples, int sample_rate) {
    return baselines::separate(baseline, samples, sample_rate, seed);
  };
  std::vector<std::string> others = sources;
  const bool drums = std::erase(others, "drums") > 0, bass = std::erase(others, "bass") > 0;
  if (drums && bass && others.size() == 1) {
    const auto again = [separate](const torch::Tensor& samples, int sample_rate) {
      const torch::Tensor first = separate(samples, sample_rate);
      const torch::Tensor second = separate(first[1], sample_rate);
      return torch::stack({first[0], second[1], second[0]});
    };
    return {{"drums", "bass", others.front()}, again, true, baseline.segment_seconds};
  }
  const bool one = drums != bass && others.size() == 1;
  return {{one && bass ? others.front() : "drums", one && drums ? others.front() : "bass"},
          separate,
          true,
          baseline.segment_seconds};
}

/// Segments of Demucs in a stretch of song: those inside hear what stands on both sides of them.
constexpr double kSegments = 4.0;

NamedSource demucs_source(std::string name, baselines::Demucs network, double overlap) {
  const baselines::DemucsOptions& options = network->options();
  return {std::move(name),
          {options.sources,
           [network, overlap](const torch::Tensor& samples, int sample_rate) mutable {
             return baselines::separate(*network, samples, sample_rate, overlap);
           },
           false, kSegments * options.segment_seconds}};
}

/// A trained separator that gives masked mixtures unless it is to give what it found as it is.
template <class Separator>
NamedSource source_of(std::shared_ptr<Separator> separator, std::string name,
                      const decomposition::SeparatorOptions& options) {
  return {std::move(name),
          {separator->component_names(),
           [separator](const torch::Tensor& samples, int sample_rate) {
             return separator->separate(samples, sample_rate);
           },
           options.refinement != Refinement::None},
          true};
}

}  // namespace

std::vector<std::string> baseline_names() {
  std::vector<std::string> names;
  for (const auto& baseline : baselines::all_baselines()) names.push_back(baseline.name);
  for (const auto& weights : io::published_weights()) {
    if (weights.kind == baselines::kDemucsKind && io::find_weights(weights.name))
      names.push_back(weights.name);
  }
  return names;
}

std::optional<std::filesystem::path> demucs_checkpoint(const std::string& name) {
  if (io::is_published(name) && io::published(name).kind == baselines::kDemucsKind)
    return io::weights_file(name);
  const std::filesystem::path file = name;
  if (file.extension() != ".th" && file.extension() != ".safetensors") return std::nullopt;
  return file;
}

NamedSource make_source(const std::string& name, const decomposition::SeparatorOptions& options,
                        torch::Device device, const std::vector<std::string>& sources) {
  if (const auto* baseline = baselines::find_baseline(name))
    return {name, baseline_source(*baseline, options.seed, sources)};
  if (const auto file = demucs_checkpoint(name)) {
    return demucs_source(io::is_published(name) ? name : file->stem().string(),
                         baselines::load_demucs(io::read_weights(*file), file->string(), device),
                         options.overlap);
  }
  const io::ModelFolder folder(io::find_model(name));
  if (folder.kind() == baselines::kDemucsKind)
    return demucs_source(folder.name(), baselines::load_demucs(folder, device), options.overlap);
  if (folder.kind() == "lass")
    return source_of(std::make_shared<baselines::LassSeparator>(folder, options, device), folder.name(),
                     options);
  return source_of(std::make_shared<decomposition::Separator>(folder, options, device), folder.name(),
                   options);
}

System source_system(std::string name, std::shared_ptr<decomposition::StemSource> source,
                     const std::vector<std::string>& sources) {
  std::vector<std::int64_t> order;
  for (const auto& wanted : sources) {
    const auto found = std::find(source->names.begin(), source->names.end(), wanted);
    if (found == source->names.end()) {
      fail<EvaluationError>("{}: has no stem called '{}', only {}", name, wanted,
                            fmt::join(source->names, ", "));
    }
    order.push_back(found - source->names.begin());
  }
  const torch::Tensor index = torch::tensor(order, torch::kLong);
  return {std::move(name), [source = std::move(source), index](const Clip& clip) {
            return source->separate(clip.mixture.unsqueeze(0), clip.sample_rate)
                .index_select(0, index)
                .squeeze(1);
          }};
}

std::vector<System> named_systems(const std::string& name, const std::vector<Refinement>& refinements,
                                  const decomposition::SeparatorOptions& options, torch::Device device,
                                  const std::vector<std::string>& sources) {
  std::vector<System> systems;
  const bool asked = !refinements.empty();
  for (const Refinement refinement : asked ? refinements : std::vector{Refinement::Best}) {
    decomposition::SeparatorOptions own = options;
    own.refinement = refinement;
    NamedSource source = make_source(name, own, device, sources);
    systems.push_back(source_system(source.name + (source.refines ? suffix(refinement) : ""),
                                    std::make_shared<decomposition::StemSource>(std::move(source.source)),
                                    sources));
    if (!source.refines) break;
  }
  return systems;
}

}  // namespace partita::evaluation
