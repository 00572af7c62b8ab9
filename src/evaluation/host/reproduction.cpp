#include "partita/evaluation/reproduction.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "partita/baselines/baseline.hpp"
#include "partita/evaluation/clips.hpp"
#include "partita/evaluation/codec.hpp"
#include "partita/evaluation/reconstruction.hpp"
#include "partita/evaluation/systems.hpp"
#include "partita/io/error.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/sha256.hpp"
#include "reproduction_rows.hpp"

namespace partita::evaluation {
namespace {

const std::vector<PaperRow> kOperators{{"Sum", "sum", {"1.87820 (0.13418)", "3.6 (0.1)"}},
                                       {"Mean", "mean", {"1.87020 (0.13183)", "3.6 (0.1)"}},
                                       {"Min", "min", {"2.54182 (0.17714)", "4.5 (0.1)"}},
                                       {"Max", "max", {"2.43302 (0.17510)", "4.3 (0.1)"}}};

/// At most `count` clips, evenly spread.
std::vector<Clip> spread(std::vector<Clip> clips, std::int64_t count) {
  const auto wanted = static_cast<std::size_t>(count);
  if (clips.size() <= wanted) return clips;
  std::vector<Clip> some;
  for (std::size_t i = 0; i < wanted; ++i) some.push_back(clips[i * clips.size() / wanted]);
  return some;
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

}  // namespace

std::vector<std::string> Reproduction::tables() { return {"table1", "table2", "table3", "table4", "table5"}; }

const std::map<std::string, std::string>& Reproduction::usual_models() {
  static const std::map<std::string, std::string> models{
      {"ours", "drums-bass"},          {"lass", "lass-drums-bass"},
      {"demucs", "demucs-drums-bass"}, {"sum", "drums-bass-sum"},
      {"mean", "drums-bass-mean"},     {"min", "drums-bass-min"},
      {"max", "drums-bass-max"},       {"unconditional", "drums-bass-unconditional"}};
  return models;
}

Reproduction::Reproduction(ReproductionOptions options) : options_(std::move(options)) {
  std::vector<std::string> known;
  known.reserve(usual_models().size());
  for (const auto& [word, name] : usual_models()) known.push_back(word);
  for (const auto& [word, name] : options_.models) {
    if (!usual_models().contains(word)) {
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
    options.refinement = decomposition::Refinement::None;
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

}  // namespace partita::evaluation
