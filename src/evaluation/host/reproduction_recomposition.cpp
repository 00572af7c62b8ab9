#include <algorithm>
#include <filesystem>

#include "partita/evaluation/plot.hpp"
#include "partita/evaluation/reproduction.hpp"
#include "partita/evaluation/sampling.hpp"
#include "partita/io/model_folder.hpp"
#include "reproduction_rows.hpp"

// Tables 4 and 5.
namespace partita::evaluation {
namespace {

constexpr const char* kUnconditionalSet = "unconditional-model";

/// A row of table 4: the set of sounds it measures.
const std::vector<PaperRow> kGenerated{
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

const FadRow* row_of(const GenerationFigures& figures, const std::string& set) {
  for (const auto& row : figures.rows) {
    if (std::filesystem::path(row.candidates).filename() == set) return &row;
  }
  return nullptr;
}

}  // namespace

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
