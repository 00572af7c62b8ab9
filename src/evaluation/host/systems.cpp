#include "partita/evaluation/systems.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "partita/baselines/baseline.hpp"
#include "partita/io/model_folder.hpp"

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

}  // namespace

std::vector<std::string> baseline_names() {
  std::vector<std::string> names;
  for (const auto& baseline : baselines::all_baselines()) names.push_back(baseline.name);
  return names;
}

NamedSource make_source(const std::string& name, const decomposition::SeparatorOptions& options,
                        torch::Device device) {
  if (const auto* baseline = baselines::find_baseline(name)) {
    return {name,
            {{"drums", "bass"},
             [baseline, seed = options.seed](const torch::Tensor& samples, int sample_rate) {
               return baselines::separate(*baseline, samples, sample_rate, seed);
             },
             true,
             baseline->segment_seconds}};
  }
  const io::ModelFolder folder(io::find_model(name));
  auto separator = std::make_shared<decomposition::Separator>(folder, options, device);
  return {folder.name(),
          {separator->component_names(),
           [separator](const torch::Tensor& samples, int sample_rate) {
             return separator->separate(samples, sample_rate);
           },
           options.refinement != decomposition::Refinement::None}};
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
  const bool baseline = baselines::find_baseline(name) != nullptr;
  std::vector<System> systems;
  for (const Refinement refinement : baseline ? std::vector{Refinement::Best} : refinements) {
    decomposition::SeparatorOptions own = options;
    own.refinement = refinement;
    NamedSource source = make_source(name, own, device);
    systems.push_back(source_system(source.name + suffix(refinement),
                                    std::make_shared<decomposition::StemSource>(std::move(source.source)),
                                    sources));
  }
  return systems;
}

}  // namespace partita::evaluation
