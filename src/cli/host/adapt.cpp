#include <spdlog/spdlog.h>

#include <memory>

#include "commands.hpp"
#include "partita/base/device.hpp"
#include "partita/data/prepare.hpp"
#include "partita/data/store.hpp"
#include "partita/decomposition/model.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/config.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/report.hpp"
#include "partita/training/checkpoint.hpp"
#include "partita/training/trainer.hpp"

namespace partita::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRounds = 2;  // of remixes, each taught by the masks of the one before

struct AdaptArguments {
  fs::path songs, output;
  std::string model = "drums-bass";
  std::int64_t steps = 800, seed = 1;
  std::string device = "cpu";
};

/// Of a run that goes on from the model's masks, built as they are.
io::Config configuration(const AdaptArguments& arguments, const fs::path& work, const io::ModelFolder& model,
                         torch::Device device) {
  const auto masks = decomposition::mask_options(model.card(), decomposition::model_options(model.card()));
  const std::string text = fmt::format(
      "[training]\nbatch_size = 8\ncrop_frames = 128\nlearning_rate = 1e-3\nfinal_learning_rate = 2e-5\n"
      "warmup_steps = 50\ngradient_clip = 1.0\nema_decay = 0.99\nvalidate_every = 1000000\n"
      "checkpoint_every = 100\nprecision = \"{}\"\nseed = {}\n\n"
      "[remix]\nrounds = {}\nround_steps = {}\ngain = 1.4\nequalizer = 1.6\ntransposition = 1.1\n\n{}",
      has_bfloat16(device) ? "bfloat16" : "float32", arguments.seed, kRounds,
      std::max<std::int64_t>(1, arguments.steps / kRounds), decomposition::to_toml(masks));
  // As values, not as text: paths may hold whatever a file system allows.
  return io::Config::parse(text, "adapt")
      .with("data.store", (work / "store").string())
      .with("training.output", (work / "run").string())
      .with("training.name", fs::absolute(arguments.output).lexically_normal().filename().string())
      .with("training.teacher", model.path().string())
      .with("remix.decomposition", model.path().string());
}

/// Keeps in the working folder which songs it is for; going on with others is refused.
void keep_songs(const fs::path& work, const fs::path& songs) {
  const fs::path note = work / "songs.txt";
  const std::string named = fs::absolute(songs).lexically_normal().string() + "\n";
  if (fs::exists(note) && io::read_file(note) != named) {
    fail<UsageError>(
        "{}: was begun with other songs, {}; remove it, choose another --out, or go on with these",
        work.string(), io::read_file(note));
  }
  io::write_file(note, named);
}

void prepare(const AdaptArguments& arguments, const fs::path& work, const std::string& codec,
             Progress& progress) {
  if (data::is_store(work / "store")) return;
  data::PrepareOptions options;
  options.layout = data::PrepareOptions::Layout::Mixtures;
  options.input = arguments.songs;
  options.output = work / "store";
  options.splits = {"train"};
  options.codec = codec;
  const data::PrepareReport report = data::prepare(options, progress);
  for (const auto& reason : report.splits.front().reasons) spdlog::warn("left out: {}", reason);
}

void adapt(const AdaptArguments& arguments, const Context& context) {
  const io::ModelFolder model(io::find_model(arguments.model));
  if (!model.card().has("masks")) {
    fail<UsageError>("{}: this model has no mask network, which is what adapts", model.path().string());
  }
  if (fs::exists(arguments.output)) {
    fail<UsageError>("{}: exists already; choose another --out", arguments.output.string());
  }
  const torch::Device device = parse_device(arguments.device);
  const fs::path work = fs::path(arguments.output) += ".adapting";
  keep_songs(work, arguments.songs);
  Progress progress = context.progress();
  prepare(arguments, work, model.card().get<std::string>("codec"), progress);
  const std::int64_t clips = data::LatentStore(work / "store", "train").size();
  const fs::path run = work / "run";
  training::train_masks(configuration(arguments, work, model, device), training::has_checkpoints(run), device,
                        progress);
  training::export_run(run, arguments.output);
  fs::remove_all(work);
  if (context.json != "-") spdlog::info("partita separate SONG -n {}", arguments.output.string());
  io::write_report({{"model", arguments.output.string()}, {"clips", clips}}, context.json);
}

}  // namespace

void add_adapt(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<AdaptArguments>();
  CLI::App* command = app.add_subcommand(
      "adapt", "have a model's masks learn from the songs that they are to take apart, without stems");
  command->add_option("songs", arguments->songs, "an audio file, or a folder of them")
      ->required()
      ->check(CLI::ExistingPath);
  command->add_option("-o,--out", arguments->output, "model folder to write")->required();
  command->add_option("-n,--name", arguments->model, "model to start from")->capture_default_str();
  command->add_option("--steps", arguments->steps, "of training")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", arguments->seed, "seed")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  add_device_option(*command, arguments->device);
  command->callback([arguments, &context] { adapt(*arguments, context); });
}

}  // namespace partita::cli
