#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "decomposition_objective.hpp"
#include "demucs_objective.hpp"
#include "lass_objective.hpp"
#include "partita/decomposition/separator.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/sha256.hpp"
#include "partita/training/checkpoint.hpp"
#include "prior_objective.hpp"
#include "remix_objective.hpp"
#include "toml_text.hpp"
#include "vocoder_objective.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kWindowFrames = 512;

Checkpoint picked(const std::filesystem::path& run, Pick pick) {
  if (pick == Pick::Best && has_checkpoints(best_folder(run))) return *newest_checkpoint(best_folder(run));
  std::optional<Checkpoint> checkpoint = newest_checkpoint(run);
  if (!checkpoint) {
    fail<TrainingError>("{}: no checkpoints; give the output folder of `partita train`", run.string());
  }
  return *std::move(checkpoint);
}

/// The averaged weights where the run kept them.
io::TensorMap weights_of(const Checkpoint& checkpoint) {
  io::TensorMap averaged = io::select(checkpoint.state, "ema");
  return averaged.empty() ? io::select(checkpoint.state, "model") : averaged;
}

io::TensorMap halved(const io::TensorMap& weights) {
  io::TensorMap half;
  for (const auto& [name, tensor] : weights) {
    half.emplace(name, tensor.is_floating_point() ? tensor.to(torch::kFloat16) : tensor);
  }
  return half;
}

std::string head_of_card(DecompositionObjective& objective, const TrainingOptions& options) {
  const std::int64_t multiple = objective.model()->unet->frame_multiple();
  return fmt::format(
      "name = {}\nkind = \"decomposition\"\ncodec = {}\ncomponents = {}\nwindow_frames = {}\n"
      "licence = \"MIT\"\n\n",
      toml_string(options.name), toml_string(objective.store().info().codec),
      toml_array(objective.component_names()),
      std::max<std::int64_t>(1, kWindowFrames / multiple) * multiple);
}

std::string data_table(const char* table, const data::LatentStore& store, const TrainingOptions& options) {
  const data::StoreInfo& info = store.info();
  return fmt::format(
      "\n[{}]\nstore = {}\nsources = {}\nsample_rate = {}\nclip_frames = {}\ntrain_clips = {}\n", table,
      toml_string(options.store.filename().string()), toml_array(info.sources), info.sample_rate,
      info.clip_frames, store.size());
}

std::string training_table(const char* table, const Checkpoint& checkpoint, const TrainingOptions& options) {
  return fmt::format(
      "\n[{}]\nsteps = {}\nstage = {}\nminutes = {:.2f}\nmachine = {}\nbatch_size = {}\ncrop_frames = {}\n"
      "seed = {}\nconfiguration_sha256 = \"{}\"\n",
      table, checkpoint.step, toml_string(checkpoint.stage), checkpoint.minutes,
      toml_string(checkpoint.machine), options.batch_size, options.crop_frames, options.seed,
      io::sha256(checkpoint.configuration));
}

std::string metrics_table(const char* table, const Figures& figures) {
  if (figures.empty()) return {};
  std::string text = fmt::format("\n[{}]\n", table);
  for (const auto& [name, value] : figures) text += fmt::format("{} = {:.5f}\n", toml_string(name), value);
  return text;
}

/// In TOML's own order of keys.
std::string text_of(const toml::table& table) {
  std::ostringstream text;
  text << table << "\n\n";
  return text.str();
}

/// What is added to a decomposition's folder, under its table of the card and its file.
struct Addition {
  std::string table, file;
};

/// A decomposition's card without what is added anew.
std::string card_of(const io::ModelFolder& decomposition, const std::string& name, const Addition& addition) {
  toml::table card = toml::parse(decomposition.card().text());
  card.insert_or_assign("name", name);
  card.erase(addition.table);
  card.erase("files");
  return text_of(card);
}

/// The decomposition's folder with the addition, `text` being its part of the card.
void write_with_addition(const std::filesystem::path& model_folder, const io::ModelFolder& decomposition,
                         const std::string& name, const Addition& addition, const std::string& text,
                         io::TensorMap weights) {
  std::map<std::string, io::TensorMap> files;
  for (const std::string& file : decomposition.files()) files[file] = decomposition.weights(file).tensors();
  files[addition.file] = std::move(weights);
  io::write_model_folder(model_folder, card_of(decomposition, name, addition) + text, files);
}

/// The masks that taught every component go with what they taught: they read latents of the codec, not its z.
void add_masks(const std::string& teacher, std::string& card, std::map<std::string, io::TensorMap>& files) {
  const io::ModelFolder model(io::find_model(teacher));
  const toml::table theirs = toml::parse(model.card().text());
  card += "\n" + text_of(toml::table{{"masks", *theirs["masks"].as_table()}});
  files[decomposition::kMasksFile] = model.weights(decomposition::kMasksFile).tensors();
}

void export_decomposition(const Checkpoint& checkpoint, const io::Config& config,
                          const std::filesystem::path& model_folder) {
  const TrainingOptions options = training_options(config);
  DecompositionObjective objective(options, decomposition_stages(config, options),
                                   decomposition::model_options(config), torch::kCPU);
  objective.begin_stage(checkpoint.stage);
  const io::TensorMap half = halved(weights_of(checkpoint));
  io::load_state(objective.module(), half, "checkpoint");
  const Figures figures = objective.validate().figures;
  std::string card = head_of_card(objective, options) + to_toml(objective.model()->options()) +
                     data_table("data", objective.store(), options) +
                     training_table("training", checkpoint, options) + metrics_table("metrics", figures);
  std::map<std::string, io::TensorMap> files{{"model.safetensors", half}};
  if (options.parts.empty() && !options.teacher.empty()) add_masks(options.teacher, card, files);
  io::write_model_folder(model_folder, card, files);
}

void export_masks(const Checkpoint& checkpoint, const io::Config& config,
                  const std::filesystem::path& model_folder) {
  const TrainingOptions options = training_options(config);
  const RemixOptions remix = remix_options(config);
  const io::ModelFolder decomposition(io::find_model(remix.decomposition));
  RemixObjective objective(
      options, remix, decomposition::mask_options(config, decomposition::model_options(decomposition.card())),
      decomposition, torch::kCPU);
  objective.begin_stage(checkpoint.stage);
  const io::TensorMap half = halved(weights_of(checkpoint));
  io::load_state(objective.module(), half, "checkpoint");
  const Figures figures = objective.validate().figures;
  write_with_addition(
      model_folder, decomposition, options.name, {"masks", decomposition::kMasksFile},
      decomposition::to_toml(objective.masks()) + data_table("masks.data", objective.store(), options) +
          training_table("masks.training", checkpoint, options) + metrics_table("masks.metrics", figures),
      io::select(half, "student"));
}

void export_prior(const Checkpoint& checkpoint, const io::Config& config,
                  const std::filesystem::path& model_folder) {
  const TrainingOptions options = training_options(config);
  const MaskingOptions masking = masking_options(config);
  const io::ModelFolder decomposition(io::find_model(masking.decomposition));
  PriorObjective objective(options, prior_stages(config, options), masking,
                           recomposition::prior_options(config), decomposition, torch::kCPU);
  const io::TensorMap half = halved(weights_of(checkpoint));
  io::load_state(objective.module(), half, "checkpoint");
  const Figures figures = objective.validate().figures;
  write_with_addition(
      model_folder, decomposition, options.name, {"prior", decomposition::kPriorFile},
      recomposition::to_toml(objective.prior()) + data_table("prior.data", objective.store(), options) +
          training_table("prior.training", checkpoint, options) +
          fmt::format("p_mask = {:.3f}\n", masking.p_mask) + metrics_table("prior.metrics", figures),
      half);
}

void export_codec(const Checkpoint& checkpoint, const io::Config& config,
                  const std::filesystem::path& model_folder) {
  const TrainingOptions options = training_options(config);
  VocoderObjective objective(options, vocoder_stages(config, options), codec::mel_vocoder_options(config),
                             adversary_options(config), torch::kCPU);
  objective.begin_stage(checkpoint.stage);
  const io::TensorMap half = halved(weights_of(checkpoint));
  io::load_state(objective.module(), half, "checkpoint");
  const Figures figures = objective.validate().figures;
  const std::string card =
      fmt::format("name = {}\nkind = \"codec\"\ncodec = \"mel\"\nlicence = \"MIT\"\n\n",
                  toml_string(options.name)) +
      codec::to_toml(objective.vocoder()) + data_table("data", objective.store(), options) +
      training_table("training", checkpoint, options) + metrics_table("metrics", figures);
  io::write_model_folder(model_folder, card, {{codec::kVocoderFile, io::select(half, "vocoder")}});
}

void export_demucs(const Checkpoint& checkpoint, const io::Config& config,
                   const std::filesystem::path& model_folder) {
  const TrainingOptions options = training_options(config);
  DemucsObjective objective(options, demucs_stages(config, options), baselines::demucs_options(config),
                            augment_options(config), torch::kCPU);
  const io::TensorMap half = halved(weights_of(checkpoint));
  io::load_state(objective.module(), half, "checkpoint");
  const Figures figures = objective.validate().figures;
  const baselines::DemucsOptions& demucs = objective.demucs();
  const std::string card =
      fmt::format(
          "name = {}\nkind = \"{}\"\ncomponents = {}\nsample_rate = {}\naudio_channels = {}\n"
          "licence = \"MIT\"\n\n",
          toml_string(options.name), baselines::kDemucsKind, toml_array(demucs.sources), demucs.sample_rate,
          demucs.audio_channels) +
      baselines::to_toml(demucs) + data_table("data", objective.store(), options) +
      training_table("training", checkpoint, options) + metrics_table("metrics", figures);
  io::write_model_folder(model_folder, card, half);
}

/// Half precision but for the codebook, whose averages outgrow it; sums are counted with what is exported.
void export_lass(const Checkpoint& checkpoint, const io::Config& config,
                 const std::filesystem::path& model_folder) {
  const TrainingOptions options = training_options(config);
  LassObjective objective(options, lass_training(config), lass_stages(config, options),
                          baselines::lass_options(config, options.crop_frames), torch::kCPU);
  objective.begin_stage(checkpoint.stage);
  const io::TensorMap whole = weights_of(checkpoint);
  io::TensorMap half = halved(whole);
  for (auto& [name, tensor] : half) {
    if (name.starts_with("vqvae.quantizer.")) tensor = whole.at(name);
  }
  io::load_state(objective.module(), half, "checkpoint");
  const Figures figures = objective.validate().figures;
  const std::string card =
      fmt::format(
          "name = {}\nkind = \"lass\"\ncodec = {}\ncomponents = {}\nwindow_frames = {}\n"
          "licence = \"MIT\"\n\n",
          toml_string(options.name), toml_string(objective.store().info().codec),
          toml_array(objective.store().info().sources), options.crop_frames) +
      baselines::to_toml(objective.lass()) + data_table("data", objective.store(), options) +
      training_table("training", checkpoint, options) + metrics_table("metrics", figures);
  io::write_model_folder(
      model_folder, card,
      {{"model.safetensors", half}, {baselines::kSumsFile, objective.counted_sums().state()}});
}

}  // namespace

void export_run(const std::filesystem::path& run, const std::filesystem::path& model_folder, Pick pick) {
  const Checkpoint checkpoint = picked(run, pick);
  const io::Config config = io::Config::parse(checkpoint.configuration, (run / "configuration").string());
  if (config.has("remix")) {
    export_masks(checkpoint, config, model_folder);
  } else if (config.has("vocoder")) {
    export_codec(checkpoint, config, model_folder);
  } else if (config.has("masking")) {
    export_prior(checkpoint, config, model_folder);
  } else if (config.has("demucs")) {
    export_demucs(checkpoint, config, model_folder);
  } else if (config.has("vqvae")) {
    export_lass(checkpoint, config, model_folder);
  } else {
    export_decomposition(checkpoint, config, model_folder);
  }
}

}  // namespace partita::training
