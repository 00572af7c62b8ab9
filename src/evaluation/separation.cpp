#include "partita/evaluation/separation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "partita/audio/stft.hpp"

namespace partita::evaluation {
namespace {

constexpr double kLimit = 100.0;  // dB; keeps a silent or perfect estimate from making a mean infinite

struct Gathered {
  Sample sdr, sir, sar;
  std::int64_t clips = 0, silent = 0;

  void add(const SiMetrics& metrics, std::int64_t clip) {
    sdr.add(std::clamp(metrics.sdr, -kLimit, kLimit), clip);
    sir.add(std::clamp(metrics.sir, -kLimit, kLimit), clip);
    sar.add(std::clamp(metrics.sar, -kLimit, kLimit), clip);
    ++clips;
  }
  [[nodiscard]] Summary::Row row(std::string source, std::uint64_t seed) const {
    return {std::move(source), sdr.statistic(seed), sir.statistic(seed), sar.statistic(seed), clips, silent};
  }
};

void check(const System& system, const Clip& clip, const torch::Tensor& estimates, std::int64_t sources) {
  const std::vector<std::int64_t> expected{sources, clip.references.size(-1)};
  if (clip.references.dim() != 2 || clip.references.size(0) != sources) {
    fail<EvaluationError>("clip {}: expected references of {} sources, found {}", clip.name, sources,
                          c10::str(clip.references.sizes()));
  }
  if (estimates.sizes() != at::IntArrayRef(expected)) {
    fail<EvaluationError>("clip {}: expected estimates {} from {}, found {}", clip.name,
                          c10::str(at::IntArrayRef(expected)), system.name, c10::str(estimates.sizes()));
  }
}

/// The estimates in the order that suits the references best; silent references take what is left.
torch::Tensor assigned(const torch::Tensor& estimates, const torch::Tensor& references) {
  const std::int64_t sources = references.size(0);
  torch::Tensor score = torch::zeros({sources, sources}, torch::kFloat64);
  for (std::int64_t source = 0; source < sources; ++source) {
    if (is_silent(references[source])) continue;
    for (std::int64_t estimate = 0; estimate < sources; ++estimate) {
      score[estimate][source] = std::clamp(si_sdr(estimates[estimate], references[source]), -kLimit, kLimit);
    }
  }
  return estimates.index_select(0, torch::tensor(best_assignment(score), torch::kLong));
}

}  // namespace

Summary evaluate(const System& system, const std::vector<Clip>& clips,
                 const std::vector<std::string>& sources, const EvaluationOptions& options) {
  std::vector<Gathered> each(sources.size());
  Gathered all;
  BssTable bss(sources);
  for (std::size_t c = 0; c < clips.size(); ++c) {
    const Clip& clip = clips[c];
    torch::Tensor estimates = system.separate(clip);
    check(system, clip, estimates, static_cast<std::int64_t>(sources.size()));
    if (options.assignment == Assignment::Clip) estimates = assigned(estimates, clip.references);
    if (options.bss) {
      bss.add(bss_eval(clip.references.unsqueeze(1), estimates.unsqueeze(1), clip.sample_rate, *options.bss));
    }
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const auto source = static_cast<std::int64_t>(i);
      if (is_silent(clip.references[source])) {
        ++each[i].silent;
        ++all.silent;
        continue;
      }
      const SiMetrics metrics = si_metrics(estimates[source], clip.references, source);
      each[i].add(metrics, static_cast<std::int64_t>(c));
      all.add(metrics, static_cast<std::int64_t>(c));
    }
  }
  Summary summary{system.name, {}, {}};
  for (std::size_t i = 0; i < sources.size(); ++i)
    summary.rows.push_back(each[i].row(sources[i], options.seed));
  summary.rows.push_back(all.row("all", options.seed));
  if (options.bss) summary.bss = bss.rows(options.seed);
  return summary;
}

std::string to_text(Assignment assignment) {
  return assignment == Assignment::Model
             ? "model: one fixed assignment of stems to sources for all clips, by name"
             : "clip: in each clip the assignment with the highest sum of SI-SDR, which flatters";
}

io::Json to_json(const Summary& summary) {
  io::Json rows = io::Json::array();
  for (const auto& row : summary.rows) {
    rows.push_back({{"source", row.source},
                    {"clips", row.clips},
                    {"silent", row.silent},
                    {"si_sdr", to_json(row.sdr)},
                    {"si_sir", to_json(row.sir)},
                    {"si_sar", to_json(row.sar)}});
  }
  io::Json json{{"system", summary.system}, {"rows", rows}};
  if (!summary.bss.empty()) json["bss"] = to_json(summary.bss);
  return json;
}

std::string to_markdown(const std::vector<Summary>& summaries, const EvaluationOptions& options) {
  std::string table =
      "| system | source | SI-SDR | SI-SIR | SI-SAR | clips | silent |\n"
      "|---|---|---|---|---|---|---|\n";
  std::vector<std::pair<std::string, std::vector<BssRow>>> bss;
  for (const auto& summary : summaries) {
    for (const auto& row : summary.rows) {
      table += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", summary.system, row.source,
                           to_text(row.sdr), to_text(row.sir), to_text(row.sar), row.clips, row.silent);
    }
    if (!summary.bss.empty()) bss.emplace_back(summary.system, summary.bss);
  }
  table += fmt::format("\n{} Assignment by {}. Silent references are left out.\n", statistics_legend(),
                       to_text(options.assignment));
  if (options.bss && !bss.empty())
    table += fmt::format("\n{}\n{}\n", to_markdown(bss), bss_legend(*options.bss));
  return table;
}

System mixture_system(std::int64_t sources) {
  return {"mixture", [sources](const Clip& clip) { return clip.mixture.unsqueeze(0).expand({sources, -1}); }};
}

System ideal_mask_system() {
  return {"ideal masks", [](const Clip& clip) {
            const audio::Stft stft({2048, 512});
            const torch::Tensor power = stft.forward(clip.references).abs().square() + 1e-12;
            const torch::Tensor mask = power / power.sum(0, /*keepdim=*/true);
            return stft.inverse(stft.forward(clip.mixture).unsqueeze(0) * mask, clip.mixture.size(0));
          }};
}

}  // namespace partita::evaluation
