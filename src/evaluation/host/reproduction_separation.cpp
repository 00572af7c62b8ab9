#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "partita/evaluation/plot.hpp"
#include "partita/evaluation/reproduction.hpp"
#include "partita/evaluation/sampling.hpp"
#include "partita/evaluation/systems.hpp"
#include "partita/io/model_folder.hpp"
#include "reproduction_rows.hpp"

// Table 2.
namespace partita::evaluation {
namespace {

using decomposition::Refinement;

constexpr double kBinWidth = 2.0;        // dB, of the chart by level
constexpr std::size_t kLeastInBin = 10;  // figures

const std::vector<PaperRow> kClassical{{"rPCA", "rpca", {"-2.8 (4.8)", "5.2 (7.3)", "5.6 (4.6)"}},
                                       {"REPET-SIM", "repet-sim", {"-0.5 (4.8)", "6.8 (7.0)", "3.0 (5.2)"}},
                                       {"FT2D", "ft2d", {"-0.2 (4.7)", "5.1 (7.0)", "3.1 (4.7)"}},
                                       {"NMF", "nmf", {"1.4 (5.0)", "8.9 (7.6)", "2.9 (4.5)"}},
                                       {"HPSS", "hpss", {"2.3 (4.8)", "9.9 (7.5)", "5.1 (4.6)"}}};
const std::vector<PaperRow> kLearned{{"LASS", "lass", {"-3.3 (10.8)", "17.7 (11.6)", "-1.6 (11.2)"}},
                                     {"Ours", "ours", {"5.5 (4.6)", "41.7 (9.3)", "5.6 (4.6)"}},
                                     {"Demucs", "demucs", {"11.9 (5.0)", "37.6 (8.7)", "12.0 (5.0)"}}};

Cells cells_of(const Summary& summary) {
  const Summary::Row& all = summary.rows.back();
  return {to_text(all.sdr), to_text(all.sir), to_text(all.sar)};
}

/// The values of a source in a summary.
std::vector<double> si_sdrs(const Summary& summary, const std::string& source) {
  std::vector<double> values;
  for (const auto& figure : summary.figures) {
    if (figure.source == source) values.push_back(figure.metrics.sdr);
  }
  return values;
}

void chart_boxes(Table& table, const std::vector<Summary>& summaries) {
  std::vector<BoxRow> rows;
  for (const auto& summary : summaries) {
    BoxRow row{summary.system, {}};
    for (const auto& source : kSources) row.series.push_back(si_sdrs(summary, source));
    rows.push_back(std::move(row));
  }
  table.charts.push_back(
      {table.name + "-boxes.png", "SI-SDR of each system, box plots over clips", [rows](const auto& png) {
         plot_boxes(png, rows, kSources, {"SI-SDR of each system over clips", "SI-SDR (dB)", ""});
       }});
}

/// Mean SI-SDR over bins of the level that the reference has in the mixture, which is the mixture's own
/// SI-SDR.
Curve by_level(const Summary& summary, const Summary& mixture) {
  std::map<double, std::pair<double, std::vector<double>>> bins;  // by lower edge: sum of levels, SI-SDR
  for (std::size_t i = 0; i < summary.figures.size(); ++i) {
    const double level = mixture.figures[i].metrics.sdr;
    auto& [sum, values] = bins[kBinWidth * std::floor(level / kBinWidth)];
    sum += level;
    values.push_back(summary.figures[i].metrics.sdr);
  }
  Curve curve{summary.system, {}};
  for (const auto& [edge, bin] : bins) {
    const auto& [sum, values] = bin;
    if (values.size() < kLeastInBin) continue;
    const auto count = static_cast<double>(values.size());
    double total = 0.0;
    for (const double value : values) total += value;
    curve.points.emplace_back(sum / count, total / count);
  }
  return curve;
}

void chart_levels(Table& table, const std::vector<Summary>& summaries) {
  const auto mixture = std::find_if(summaries.begin(), summaries.end(),
                                    [](const Summary& summary) { return summary.system == "mixture"; });
  std::vector<Curve> curves;
  curves.reserve(summaries.size());
  for (const auto& summary : summaries) curves.push_back(by_level(summary, *mixture));
  if (std::all_of(curves.begin(), curves.end(), [](const Curve& curve) { return curve.points.empty(); })) {
    table.notes.emplace_back(fmt::format("No chart by level: fewer than {} figures in every bin of {:g} dB.",
                                         kLeastInBin, kBinWidth));
    return;
  }
  table.charts.push_back(
      {table.name + "-levels.png", "SI-SDR of each system by the level of the reference in the mixture",
       [curves](const auto& png) {
         plot_curves(
             png, curves,
             {fmt::format("SI-SDR by level, means over bins of {:g} dB, drums and bass together", kBinWidth),
              "level of the reference in the mixture: SI-SDR of the mixture (dB)", "SI-SDR (dB)"});
       }});
}

/// Whether a classical separator is better than the model, measure by measure.
std::string beaten_by(const Summary& ours, const std::vector<Summary>& classical) {
  struct Measure {
    const char* name;
    Statistic Summary::Row::*figure;
  };
  const std::vector<Measure> measures{
      {"SI-SDR", &Summary::Row::sdr}, {"SI-SIR", &Summary::Row::sir}, {"SI-SAR", &Summary::Row::sar}};
  Cells found;
  for (std::size_t row = 0; row < ours.rows.size(); ++row) {
    for (const auto& [name, figure] : measures) {
      for (const Summary& other : classical) {
        if ((other.rows[row].*figure).mean > (ours.rows[row].*figure).mean) {
          found.push_back(fmt::format("{} in {} of {}", other.system, name,
                                      ours.rows[row].source == "all" ? "both parts" : ours.rows[row].source));
        }
      }
    }
  }
  if (found.empty()) return fmt::format("No classical row beats {} in any of these means.", ours.system);
  return fmt::format("{} is beaten by {}.", ours.system, fmt::join(found, ", "));
}

}  // namespace

Table Reproduction::table2(Progress& progress) {
  Table table = begun("table2", "Table 2: blind source separation, drums and bass");
  table.paper = table.here = {"SI-SDR", "SI-SIR", "SI-SAR"};
  decomposition::SeparatorOptions separator;
  separator.steps = options_.steps;
  separator.solver = options_.solver;
  separator.seed = options_.seed;
  EvaluationOptions how;
  how.seed = options_.seed;
  std::vector<Summary> all, classical;
  const auto measure = [&](const std::vector<System>& systems) {
    std::vector<Summary> found = evaluate(systems, clips_, kSources, how, progress);
    all.insert(all.end(), found.begin(), found.end());
    return found;
  };
  const auto named = [&](const std::string& name, const std::vector<Refinement>& refinements) {
    return measure(named_systems(name, refinements, separator, options_.device, kSources));
  };
  const auto without_paper = [&](const System& system, const std::string& note) {
    const Summary found = measure({system}).front();
    table.rows.push_back({found.system, {}, cells_of(found), note});
  };
  without_paper(mixture_system(2), "unprocessed");
  for (const auto& row : kClassical) {
    classical.push_back(named(row.name, {Refinement::Best}).front());
    table.rows.push_back({row.label, row.paper, cells_of(classical.back()), ""});
  }
  std::string verdict;
  for (const auto& row : kLearned) {
    const auto model = model_for(row.name);
    if (!model) {
      table.rows.push_back({row.label, row.paper, {}, kNoModel});
      continue;
    }
    const bool ours = row.name == std::string("ours");
    Cells paper = row.paper;
    for (const Summary& found : named(*model, ours ? std::vector{Refinement::Best, Refinement::Wiener}
                                                   : std::vector{Refinement::Best})) {
      table.rows.push_back({ours && paper.empty() ? "Ours, masks by its components" : row.label, paper,
                            cells_of(found), found.system});
      paper.clear();
      if (ours) verdict += (verdict.empty() ? "" : " ") + beaten_by(found, classical);
    }
  }
  without_paper(ideal_mask_system(), "looks at the sources");
  if (!verdict.empty()) table.notes.push_back(verdict);
  table.notes.push_back(fmt::format("By source:\n\n{}", to_markdown(all, how)));
  for (const Summary& summary : all) table.figures["systems"].push_back(evaluation::to_json(summary));
  chart_boxes(table, all);
  chart_levels(table, all);
  chart_separation(table, progress);
  return table;
}

void Reproduction::chart_separation(Table& table, Progress& progress) const {
  const auto model = model_for("ours");
  if (!model) return;
  const io::ModelFolder folder(io::find_model(*model));
  if (decomposition::model_options(folder.card()).autoencoder) {
    table.notes.push_back(fmt::format(
        "{} is an auto-encoder: its decomposition takes one evaluation of g, so that sampling steps and "
        "samplers change nothing here. Those of its prior stand with table 4.",
        folder.name()));
    return;
  }
  decomposition::SeparatorOptions separator;
  separator.seed = options_.seed;
  const std::vector<Clip> clips = sampling_clips();
  const auto points =
      separation_by_steps(folder, separator, clips, kSources, kSteps, options_.device, progress);
  table.figures["sampling"] = {{"clips", clips.size()}, {"points", to_json(points, "si_sdr")}};
  table.charts.push_back(
      {table.name + "-sampling.png", "SI-SDR by sampling steps and sampler", [=](const auto& png) {
         plot_curves(
             png, to_curves(points),
             {fmt::format("{}, masks by its components: mean of {} clips", folder.name(), clips.size()),
              "sampling steps", "SI-SDR (dB)"},
             true);
       }});
}

}  // namespace partita::evaluation
