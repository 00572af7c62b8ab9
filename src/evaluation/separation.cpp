#include "partita/evaluation/separation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "partita/audio/stft.hpp"

namespace partita::evaluation {
namespace {

constexpr double kLimit = 100.0;  // dB; keeps a silent or perfect estimate from making a mean infinite

double limited(double decibels) { return std::clamp(decibels, -kLimit, kLimit); }

struct Gathered {
  Sample sdr, sir, sar;
  std::int64_t clips = 0, silent = 0;

  void add(const SiMetrics& metrics, std::int64_t clip) {
    sdr.add(metrics.sdr, clip);
    sir.add(metrics.sir, clip);
    sar.add(metrics.sar, clip);
    ++clips;
  }
  [[nodiscard]] Summary::Row row(std::string source, std::uint64_t seed) const {
    return {std::move(source), sdr.statistic(seed), sir.statistic(seed), sar.statistic(seed), clips, silent};
  }
};

/// SI-SDR of each estimate as each source, `[estimate, source]`; zero for silent references.
torch::Tensor scores(const torch::Tensor& estimates, const torch::Tensor& references) {
  const std::int64_t sources = references.size(0);
  torch::Tensor score = torch::zeros({sources, sources}, torch::kFloat64);
  for (std::int64_t source = 0; source < sources; ++source) {
    if (is_silent(references[source])) continue;
    for (std::int64_t estimate = 0; estimate < sources; ++estimate)
      score[estimate][source] = limited(si_sdr(estimates[estimate], references[source]));
  }
  return score;
}

/// Gathers one system's figures, clip by clip.
class Gathering {
 public:
  Gathering(std::string system, const std::vector<std::string>& sources, const EvaluationOptions& options)
      : sources_(sources),
        options_(options),
        each_(sources.size()),
        bss_(sources),
        crossed_(torch::zeros({count(), count()}, torch::kFloat64)) {
    summary_.system = std::move(system);
  }

  void add(const Clip& clip, const torch::Tensor& separated) {
    const torch::Tensor score = scores(separated, clip.references);
    crossed_ += score;
    // The order that suits the references best; silent references take what is left.
    const torch::Tensor estimates =
        options_.assignment == Assignment::Clip
            ? separated.index_select(0, torch::tensor(best_assignment(score), torch::kLong))
            : separated;
    if (options_.bss) {
      bss_.add(
          bss_eval(clip.references.unsqueeze(1), estimates.unsqueeze(1), clip.sample_rate, *options_.bss));
    }
    for (std::size_t i = 0; i < sources_.size(); ++i) add_source(clip, estimates, i);
    ++clips_;
  }

  [[nodiscard]] Summary summary() && {
    for (std::size_t i = 0; i < sources_.size(); ++i)
      summary_.rows.push_back(each_[i].row(sources_[i], options_.seed));
    summary_.rows.push_back(all_.row("all", options_.seed));
    for (std::int64_t estimate = 0; estimate < count(); ++estimate) {
      std::vector<double> means;
      for (std::int64_t source = 0; source < count(); ++source) {
        means.push_back(crossed_[estimate][source].item<double>() /
                        static_cast<double>(each_[static_cast<std::size_t>(source)].clips));
      }
      summary_.crossed.push_back(std::move(means));
    }
    if (options_.bss) summary_.bss = bss_.rows(options_.seed);
    return std::move(summary_);
  }

 private:
  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(sources_.size()); }

  void add_source(const Clip& clip, const torch::Tensor& estimates, std::size_t i) {
    const auto source = static_cast<std::int64_t>(i);
    if (is_silent(clip.references[source])) {
      ++each_[i].silent;
      ++all_.silent;
      return;
    }
    SiMetrics metrics = si_metrics(estimates[source], clip.references, source);
    metrics = {limited(metrics.sdr), limited(metrics.sir), limited(metrics.sar)};
    each_[i].add(metrics, clips_);
    all_.add(metrics, clips_);
    summary_.figures.push_back({clip.name, sources_[i], metrics});
  }

  const std::vector<std::string>& sources_;
  const EvaluationOptions& options_;
  std::vector<Gathered> each_;
  Gathered all_;
  BssTable bss_;
  torch::Tensor crossed_;  ///< sums over clips
  std::int64_t clips_ = 0;
  Summary summary_;
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

/// The figures of one source, clip by clip: {"clip": [...], "si_sdr": [...], ...}
io::Json clips_of(const Summary& summary, const std::string& source) {
  io::Json json{{"clip", io::Json::array()},
                {"si_sdr", io::Json::array()},
                {"si_sir", io::Json::array()},
                {"si_sar", io::Json::array()}};
  for (const auto& figure : summary.figures) {
    if (figure.source != source) continue;
    json["clip"].push_back(figure.clip);
    json["si_sdr"].push_back(figure.metrics.sdr);
    json["si_sir"].push_back(figure.metrics.sir);
    json["si_sar"].push_back(figure.metrics.sar);
  }
  return json;
}

}  // namespace

Summary evaluate(const System& system, const std::vector<Clip>& clips,
                 const std::vector<std::string>& sources, const EvaluationOptions& options) {
  Gathering gathering(system.name, sources, options);
  for (const Clip& clip : clips) {
    const torch::Tensor estimates = system.separate(clip);
    check(system, clip, estimates, static_cast<std::int64_t>(sources.size()));
    gathering.add(clip, estimates);
  }
  return std::move(gathering).summary();
}

std::vector<Summary> evaluate(const std::vector<System>& systems, const std::vector<Clip>& clips,
                              const std::vector<std::string>& sources, const EvaluationOptions& options,
                              Progress& progress) {
  std::vector<Summary> summaries;
  for (const System& system : systems) {
    progress.begin(system.name, static_cast<std::int64_t>(clips.size()), "clips");
    const auto separate = [&](const Clip& clip) {
      torch::Tensor estimates = system.separate(clip);
      progress.advance(1, clip.name);
      return estimates;
    };
    summaries.push_back(evaluate({system.name, separate}, clips, sources, options));
    progress.end();
  }
  return summaries;
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
    if (row.source != "all") rows.back()["figures"] = clips_of(summary, row.source);
  }
  io::Json json{{"system", summary.system}, {"rows", rows}, {"crossed_si_sdr", summary.crossed}};
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
