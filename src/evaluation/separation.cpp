#include "partita/evaluation/separation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "partita/audio/stft.hpp"

namespace partita::evaluation {
namespace {

constexpr double kLimit = 100.0;  // dB; keeps a silent or perfect estimate from making a mean infinite

/// Gathers one measure over clips.
class Spread {
 public:
  void add(double value) { values_.push_back(std::clamp(value, -kLimit, kLimit)); }
  [[nodiscard]] double mean() const {
    double total = 0.0;
    for (const double value : values_) total += value;
    return values_.empty() ? std::nan("") : total / static_cast<double>(values_.size());
  }
  [[nodiscard]] double deviation() const {
    const double centre = mean();
    double total = 0.0;
    for (const double value : values_) total += (value - centre) * (value - centre);
    return values_.empty() ? std::nan("") : std::sqrt(total / static_cast<double>(values_.size()));
  }

 private:
  std::vector<double> values_;
};

struct Gathered {
  Spread sdr, sir, sar;
  std::int64_t clips = 0, silent = 0;

  void add(const SiMetrics& metrics) {
    sdr.add(metrics.sdr);
    sir.add(metrics.sir);
    sar.add(metrics.sar);
    ++clips;
  }
  [[nodiscard]] Summary::Row row(std::string source) const {
    return {std::move(source),
            {sdr.mean(), sir.mean(), sar.mean()},
            {sdr.deviation(), sir.deviation(), sar.deviation()},
            clips,
            silent};
  }
};

io::Json to_json(const SiMetrics& metrics) {
  return {{"si_sdr", metrics.sdr}, {"si_sir", metrics.sir}, {"si_sar", metrics.sar}};
}

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

}  // namespace

Summary evaluate(const System& system, const std::vector<Clip>& clips,
                 const std::vector<std::string>& sources) {
  std::vector<Gathered> each(sources.size());
  Gathered all;
  for (const auto& clip : clips) {
    const torch::Tensor estimates = system.separate(clip);
    check(system, clip, estimates, static_cast<std::int64_t>(sources.size()));
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const auto source = static_cast<std::int64_t>(i);
      if (is_silent(clip.references[source])) {
        ++each[i].silent;
        ++all.silent;
        continue;
      }
      const SiMetrics metrics = si_metrics(estimates[source], clip.references, source);
      each[i].add(metrics);
      all.add(metrics);
    }
  }
  Summary summary{system.name, {}};
  for (std::size_t i = 0; i < sources.size(); ++i) summary.rows.push_back(each[i].row(sources[i]));
  summary.rows.push_back(all.row("all"));
  return summary;
}

io::Json to_json(const Summary& summary) {
  io::Json rows = io::Json::array();
  for (const auto& row : summary.rows) {
    rows.push_back({{"source", row.source},
                    {"mean", to_json(row.mean)},
                    {"deviation", to_json(row.deviation)},
                    {"clips", row.clips},
                    {"silent", row.silent}});
  }
  return {{"system", summary.system}, {"rows", rows}};
}

std::string to_markdown(const std::vector<Summary>& summaries) {
  std::string table =
      "| system | source | SI-SDR | SI-SIR | SI-SAR | clips |\n"
      "|---|---|---|---|---|---|\n";
  for (const auto& summary : summaries) {
    for (const auto& row : summary.rows) {
      table += fmt::format("| {} | {} | {:.1f} ({:.1f}) | {:.1f} ({:.1f}) | {:.1f} ({:.1f}) | {} |\n",
                           summary.system, row.source, row.mean.sdr, row.deviation.sdr, row.mean.sir,
                           row.deviation.sir, row.mean.sar, row.deviation.sar, row.clips);
    }
  }
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
