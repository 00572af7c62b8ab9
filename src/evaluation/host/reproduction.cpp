#include "partita/evaluation/reproduction.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "partita/baselines/baseline.hpp"
#include "partita/evaluation/clips.hpp"
#include "partita/evaluation/codec.hpp"
#include "partita/evaluation/plot.hpp"
#include "partita/evaluation/reconstruction.hpp"
#include "partita/evaluation/sampling.hpp"
#include "partita/evaluation/systems.hpp"
#include "partita/io/error.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/sha256.hpp"

namespace partita::evaluation {
namespace {

using decomposition::Refinement;
using Cells = std::vector<std::string>;

const std::vector<std::string> kSources{"drums", "bass"};
const std::vector<std::int64_t> kSteps{2, 5, 10, 20, 50, 100};  // of the chart by sampling steps
constexpr const char* kNoModel = "no model: no figure";
constexpr double kBinWidth = 2.0;        // dB, of the chart by level
constexpr std::size_t kLeastInBin = 10;  // figures

/// A row of table 2: what `-n` or a model's word calls it, and the paper's figures.
struct Separated {
  const char* label;
  const char* name;
  Cells paper;
};
const std::vector<Separated> kClassical{{"rPCA", "rpca", {"-2.8 (4.8)", "5.2 (7.3)", "5.6 (4.6)"}},
                                        {"REPET-SIM", "repet-sim", {"-0.5 (4.8)", "6.8 (7.0)", "3.0 (5.2)"}},
                                        {"FT2D", "ft2d", {"-0.2 (4.7)", "5.1 (7.0)", "3.1 (4.7)"}},
                                        {"NMF", "nmf", {"1.4 (5.0)", "8.9 (7.6)", "2.9 (4.5)"}},
                                        {"HPSS", "hpss", {"2.3 (4.8)", "9.9 (7.5)", "5.1 (4.6)"}}};
const std::vector<Separated> kLearned{{"LASS", "lass", {"-3.3 (10.8)", "17.7 (11.6)", "-1.6 (11.2)"}},
                                      {"Ours", "ours", {"5.5 (4.6)", "41.7 (9.3)", "5.6 (4.6)"}},
                                      {"Demucs", "demucs", {"11.9 (5.0)", "37.6 (8.7)", "12.0 (5.0)"}}};
const std::vector<Separated> kOperators{{"Sum", "sum", {"1.87820 (0.13418)", "3.6 (0.1)"}},
                                        {"Mean", "mean", {"1.87020 (0.13183)", "3.6 (0.1)"}},
                                        {"Min", "min", {"2.54182 (0.17714)", "4.5 (0.1)"}},
                                        {"Max", "max", {"2.43302 (0.17510)", "4.3 (0.1)"}}};

constexpr const char* kUnconditionalSet = "unconditional-model";

/// A row of table 4: the set of sounds it measures.
const std::vector<Separated> kGenerated{
    {"Unconditional model", kUnconditionalSet, {"0.09", "0.09", "0.06", "0.06"}},
    {"p_mask = 0.8", "unconditional", {"0.12", "0.11", "0.08", "0.07"}},
    {"Bass (drums given)", "given-drums", {"0.03", "0.03", "0.01", "0.01"}},
    {"Drums (bass given)", "given-bass", {"0.09", "0.08", "0.05", "0.05"}},
    {"noise as latents", "noise", {}},
    {"noise with each clip's own mean and deviation", "clip-noise", {}},
    {"parts of different clips", "shuffled", {}}};

struct Varied {
  const char* label;
  const char* part;
  const char* against;
  Cells paper;
};
const std::vector<Varied> kVaried{{"Real drums", "drums", "real", {"2.3259 (0.1287)", "13.6 (0.4)"}},
                                  {"Real bass", "bass", "real", {"1.4393 (0.0874)", "9.38 (0.2)"}},
                                  {"Random drums", "drums", "random", {"4.8170 (0.1136)", "20.5 (0.6)"}},
                                  {"Random bass", "bass", "random", {"4.8814 (0.1157)", "21.7 (0.7)"}}};

/// At most `count` clips, evenly spread.
std::vector<Clip> spread(std::vector<Clip> clips, std::int64_t count) {
  const auto wanted = static_cast<std::size_t>(count);
  if (clips.size() <= wanted) return clips;
  std::vector<Clip> some;
  for (std::size_t i = 0; i < wanted; ++i) some.push_back(clips[i * clips.size() / wanted]);
  return some;
}

/// A statistic in other units.
Statistic scaled(Statistic statistic, double factor) {
  for (double* value : {&statistic.mean, &statistic.deviation, &statistic.median, &statistic.interval.low,
                        &statistic.interval.high}) {
    *value *= factor;
  }
  return statistic;
}

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

/// The models' names and the hashes of their weights.
io::Json to_json(const std::map<std::string, std::string>& models) {
  io::Json json = io::Json::object();
  for (const auto& [word, name] : models) {
    json[word] = {{"name", name}};
    if (baselines::find_baseline(name) != nullptr) continue;
    if (const auto file = demucs_checkpoint(name)) {
      json[word]["sha256"][file->filename().string()] = io::sha256_file(*file);
      continue;
    }
    const io::ModelFolder folder(io::find_model(name));
    const io::Config files = folder.card().table("files");
    for (const auto& file : folder.files()) json[word]["sha256"][file] = files.get<std::string>(file);
  }
  return json;
}

const FadRow* row_of(const GenerationFigures& figures, const std::string& set) {
  for (const auto& row : figures.rows) {
    if (std::filesystem::path(row.candidates).filename() == set) return &row;
  }
  return nullptr;
}

std::string to_text(const FadRow& row) {
  return fmt::format("{:.3g} [{:.3g}, {:.3g}]", row.fad, row.interval.low, row.interval.high);
}

}  // namespace

std::vector<std::string> Reproduction::tables() { return {"table1", "table2", "table3", "table4", "table5"}; }

Reproduction::Reproduction(ReproductionOptions options) : options_(std::move(options)) {
  const std::set<std::string> known{"ours", "lass", "demucs", "sum", "mean", "min", "max", "unconditional"};
  for (const auto& [word, name] : options_.models) {
    if (!known.contains(word)) {
      fail<UsageError>("no table has a row for '{}'; expected one of {}", word, fmt::join(known, ", "));
    }
  }
  constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
  clips_ = spread(clips_from_store(options_.store, options_.split, kSources, kAll), options_.count);
  for (const auto& name : options_.embeddings)
    embeddings_.push_back(make_embedding(name, {}, options_.device));
}

Table Reproduction::table(const std::string& name, Progress& progress) {
  if (name == "table1") return table1(progress);
  if (name == "table2") return table2(progress);
  if (name == "table3") return table3(progress);
  if (name == "table4") return table4(progress);
  if (name == "table5") return table5(progress);
  fail<UsageError>("no table '{}'; expected one of {}", name, fmt::join(tables(), ", "));
}

Table Reproduction::begun(const std::string& name, const std::string& title) const {
  Table table;
  table.name = name;
  table.title = title;
  const Clip& first = clips_.front();
  const double seconds = static_cast<double>(first.mixture.size(0)) / first.sample_rate;
  table.settings = {{"models", to_json(options_.models)},
                    {"store", options_.store.string()},
                    {"split", options_.split},
                    {"clips_asked_for", options_.count},
                    {"clips", clips()},
                    {"clip_seconds", seconds},
                    {"sample_rate", first.sample_rate},
                    {"steps", options_.steps},
                    {"sampler", diffusion::name_of(options_.solver)},
                    {"seed", options_.seed}};
  table.notes.push_back(
      fmt::format("{} clips of {:g} s, split '{}' of {}; {} sampling steps, seed {}.{}", clips(), seconds,
                  options_.split, options_.store.filename().string(), options_.steps, options_.seed,
                  clips() < options_.count
                      ? fmt::format(" {} were asked for: the store keeps no more as audio.", options_.count)
                      : ""));
  return table;
}

std::optional<std::string> Reproduction::model_for(const std::string& word) const {
  const auto found = options_.models.find(word);
  return found == options_.models.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> Reproduction::model_composing_by(const std::string& composition) const {
  if (auto own = model_for(composition)) return own;
  const auto ours = model_for("ours");
  if (!ours) return std::nullopt;
  const io::ModelFolder folder(io::find_model(*ours));
  return decomposition::model_options(folder.card()).comp_function == composition ? ours : std::nullopt;
}

recomposition::RecomposerOptions Reproduction::recomposer_options() const {
  recomposition::RecomposerOptions options;
  options.how.steps = options_.steps;
  options.how.solver = options_.solver;
  options.separator.steps = options_.steps;
  options.separator.seed = options_.seed;
  return options;
}

std::vector<Clip> Reproduction::sampling_clips() const {
  const auto count = std::min<std::size_t>(clips_.size(), static_cast<std::size_t>(options_.sampling_clips));
  return {clips_.begin(), clips_.begin() + static_cast<std::ptrdiff_t>(count)};
}

Table Reproduction::table1(Progress& progress) {
  Table table = begun("table1", "Table 1: reconstruction by the codec");
  table.paper = {"MS-STFT", "FAD (LC-A)", "FAD (LC-M)"};
  table.here = {"MS-STFT"};
  for (const auto& embedding : embeddings_) table.here.push_back(fmt::format("FAD ({})", embedding.name));
  std::vector<torch::Tensor> mixtures;
  for (const auto& clip : clips_) mixtures.push_back(clip.mixture);
  const SoundSet original = sounds_from_waveforms("original", mixtures, clips_.front().sample_rate);
  for (const auto& name : options_.codecs) {
    const Cells paper = name == "encodec_24khz" ? Cells{"4.7", "0.05", "0.04"} : Cells{};
    std::shared_ptr<codec::Codec> codec;
    try {
      codec = codec::make_codec(name, options_.device);
    } catch (const io::IoError&) {
      table.rows.push_back(
          {name, paper, {}, fmt::format("no weights (`partita models fetch {}`): no figure", name)});
      continue;
    }
    std::vector<torch::Tensor> decoded;
    const CodecFigures figures = evaluate_codec(
        *codec, clips_, progress, [&](const torch::Tensor& sound) { decoded.push_back(sound); });
    Cells here{to_text(figures.ms_stft, 2)};
    io::Json fads = io::Json::array();
    const SoundSet given_back = sounds_from_waveforms(name, std::move(decoded), codec->sample_rate());
    for (const auto& embedding : embeddings_) {
      const GenerationFigures fad = evaluate_generation(embedding, original, {given_back}, {}, progress);
      here.push_back(to_text(fad.rows.back()));
      fads.push_back(to_json(fad));
    }
    table.rows.push_back({name, paper, here, ""});
    table.figures[name] = {{"codec", to_json(figures)}, {"fad", fads}};
  }
  table.notes.emplace_back(
      "MS-STFT distances of the clips' mixtures (RAVE's, five windows) to what the codec gives back. The "
      "paper's FAD is over the whole test set with LAION-CLAP's audio and music models; figures of other "
      "embeddings are on other scales. " +
      statistics_legend());
  return table;
}

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

Table Reproduction::table3(Progress& progress) {
  Table table = begun("table3", "Table 3: reconstruction by composition operator");
  table.paper = {"MSE × 10⁴", "MS-STFT"};
  table.here = {"MSE × 10⁴", "MS-STFT", "MS-STFT to the mixture"};
  for (const auto& row : kOperators) {
    const auto model = model_composing_by(row.name);
    if (!model) {
      table.rows.push_back({row.label, row.paper, {}, kNoModel});
      continue;
    }
    decomposition::SeparatorOptions options = recomposer_options().separator;
    options.refinement = Refinement::None;
    options.solver = options_.solver;
    decomposition::Separator separator(io::ModelFolder(io::find_model(*model)), options, options_.device);
    const ReconstructionFigures found = evaluate_reconstruction(separator, clips_, progress);
    if (found.composition != row.name) {
      fail<UsageError>("{}: its composition operator is {}, expected {}", *model, found.composition,
                       row.name);
    }
    table.rows.push_back(
        {row.label,
         row.paper,
         {to_text(scaled(found.mse, 1e4), 2), to_text(found.ms_stft, 2), to_text(found.to_sound, 2)},
         fmt::format("{}, latents of {}", *model, found.codec)});
    table.figures[row.name] = to_json(found);
  }
  table.notes.emplace_back(
      "The mean squared error is of the codec's latents, whose scale is the codec's: rows compare within one "
      "codec. MS-STFT is between the composed components and the mixture's latents, both decoded; in the "
      "last "
      "column, to the mixture itself. " +
      statistics_legend());
  return table;
}

const RecompositionFigures& Reproduction::recomposed(Progress& progress) {
  if (recomposed_) return *recomposed_;
  const auto prior_of = [this](const std::string& model) {
    return recomposition::Recomposer(io::ModelFolder(io::find_model(model)), recomposer_options(),
                                     options_.device);
  };
  std::vector<std::filesystem::path> more;
  if (const auto model = model_for("unconditional")) {
    more.push_back(options_.sounds / kUnconditionalSet);
    recomposition::Recomposer alone = prior_of(*model);
    write_generations(alone, clips_, more.front(), progress);
  }
  recomposition::Recomposer recomposer = prior_of(model_for("ours").value());
  recomposed_ = evaluate_recomposition(recomposer, clips_, options_.sounds, embeddings_, progress, more);
  return *recomposed_;
}

Table Reproduction::table4(Progress& progress) {
  Table table = begun("table4", "Table 4: quality of what the prior makes");
  table.paper = {"original, LC-A", "original, LC-M", "encoded, LC-A", "encoded, LC-M"};
  for (const auto& embedding : embeddings_) {
    table.here.push_back(fmt::format("original, {}", embedding.name));
    table.here.push_back(fmt::format("encoded, {}", embedding.name));
  }
  if (!model_for("ours")) {
    for (const auto& row : kGenerated) table.rows.push_back({row.label, row.paper, {}, kNoModel});
    return table;
  }
  const RecompositionFigures& found = recomposed(progress);
  for (const auto& row : kGenerated) {
    Cells here;
    for (const auto& figures : found.generation) {
      if (const FadRow* fad = row_of(figures, row.name)) here.push_back(to_text(*fad));
    }
    table.rows.push_back({row.label, row.paper, here, here.empty() ? kNoModel : ""});
  }
  Cells halves;
  for (const auto& figures : found.generation) {
    halves.push_back(figures.rows.front().candidates == "reference, halves" ? to_text(figures.rows.front())
                                                                            : "");
  }
  table.rows.push_back({"reference, one half to the other", {}, halves, "half as many sounds"});
  table.figures = to_json(found);
  table.notes.emplace_back(
      "Fréchet audio distances to the clips and to what the decomposition makes of them [95 % interval: "
      "bootstrap over the candidates]. The paper's are with LAION-CLAP's audio and music models over the "
      "whole "
      "test set; figures of other embeddings are on other scales, and small sets add to each: the last row "
      "says "
      "what chance alone comes to.");
  chart_generation(table, progress);
  return table;
}

void Reproduction::chart_generation(Table& table, Progress& progress) const {
  const std::vector<Clip> clips = sampling_clips();
  const io::ModelFolder folder(io::find_model(model_for("ours").value()));
  const auto points =
      generation_by_steps(folder, recomposer_options(), clips, kSteps, options_.device, progress);
  table.figures["sampling"] = {{"clips", clips.size()}, {"points", to_json(points, "latent_fad")}};
  table.charts.push_back(
      {table.name + "-sampling.png",
       "Fréchet distance of what the prior makes, by sampling steps and sampler", [=](const auto& png) {
         plot_curves(png, to_curves(points),
                     {fmt::format("The prior of {} from nothing, {} clips", folder.name(), clips.size()),
                      "sampling steps", "Fréchet distance of latents to the encoded clips'"},
                     true);
       }});
}

Table Reproduction::table5(Progress& progress) {
  Table table = begun("table5", "Table 5: diversity of variations");
  table.paper = table.here = {"MSE × 10³", "MS-STFT"};
  if (!model_for("ours")) {
    for (const auto& row : kVaried) table.rows.push_back({row.label, row.paper, {}, kNoModel});
    return table;
  }
  const DiversityFigures& found = recomposed(progress).diversity;
  for (const auto& row : kVaried) {
    const auto figure = std::find_if(found.rows.begin(), found.rows.end(), [&](const DiversityRow& one) {
      return one.part == row.part && one.against == row.against;
    });
    Cells here;
    if (figure != found.rows.end())
      here = {to_text(scaled(figure->mse, 1e3), 2), to_text(figure->ms_stft, 2)};
    table.rows.push_back({row.label, row.paper, here, here.empty() ? "no such pair: no figure" : ""});
  }
  table.figures = to_json(found);
  table.notes.emplace_back(fmt::format(
      "Parts made for the other one, against the real part and against that of another clip; latents "
      "of {}. {}",
      found.codec, statistics_legend()));
  return table;
}

}  // namespace partita::evaluation
