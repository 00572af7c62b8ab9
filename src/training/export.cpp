#include <algorithm>

#include "decomposition_objective.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/sha256.hpp"
#include "partita/training/checkpoint.hpp"
#include "toml_text.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kWindowFrames = 512;

Checkpoint newest_of(const std::filesystem::path& run) {
  std::optional<Checkpoint> checkpoint = newest_checkpoint(run);
  if (!checkpoint) {
    fail<TrainingError>("{}: no checkpoints; give the output folder of `partita train decomposition`",
                        run.string());
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

std::string data_table(const DecompositionObjective& objective, const TrainingOptions& options) {
  const data::StoreInfo& info = objective.store().info();
  return fmt::format(
      "\n[data]\nstore = {}\nsources = {}\nsample_rate = {}\nclip_frames = {}\ntrain_clips = {}\n"
      "validation_clips = {}\n",
      toml_string(options.store.filename().string()), toml_array(info.sources), info.sample_rate,
      info.clip_frames, objective.clips(), objective.validation_clips());
}

std::string training_table(const Checkpoint& checkpoint, const TrainingOptions& options) {
  return fmt::format(
      "\n[training]\nsteps = {}\nstage = {}\nminutes = {:.2f}\nbatch_size = {}\ncrop_frames = {}\n"
      "seed = {}\nconfiguration_sha256 = \"{}\"\n",
      checkpoint.step, toml_string(checkpoint.stage), checkpoint.minutes, options.batch_size,
      options.crop_frames, options.seed, io::sha256(checkpoint.configuration));
}

std::string metrics_table(const Figures& figures) {
  if (figures.empty()) return {};
  std::string table = "\n[metrics]\n";
  for (const auto& [name, value] : figures) table += fmt::format("{} = {:.5f}\n", toml_string(name), value);
  return table;
}

}  // namespace

void export_decomposition(const std::filesystem::path& run, const std::filesystem::path& model_folder) {
  const Checkpoint checkpoint = newest_of(run);
  const io::Config config = io::Config::parse(checkpoint.configuration, (run / "configuration").string());
  const TrainingOptions options = training_options(config);
  DecompositionObjective objective(options, decomposition::model_options(config), torch::kCPU);
  objective.begin_stage(checkpoint.stage);
  const io::TensorMap half = halved(weights_of(checkpoint));
  io::load_state(objective.module(), half, "checkpoint");
  const Figures figures = objective.validate();
  const std::string card = head_of_card(objective, options) + to_toml(objective.model()->options()) +
                           data_table(objective, options) + training_table(checkpoint, options) +
                           metrics_table(figures);
  io::write_model_folder(model_folder, card, half);
}

}  // namespace partita::training
