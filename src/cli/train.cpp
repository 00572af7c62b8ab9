#include <spdlog/spdlog.h>

#include <memory>

#include "commands.hpp"
#include "partita/base/device.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/config.hpp"
#include "partita/io/report.hpp"
#include "partita/training/trainer.hpp"

namespace partita::cli {
namespace {

struct TrainArguments {
  std::filesystem::path config;
  std::vector<std::string> settings;
  bool resume = false, newest = false;
  double minutes = 0.0;
  std::string device = "cpu";
  std::filesystem::path run, output;
};

io::Config configuration(const TrainArguments& arguments) {
  io::Config config = io::Config::load(arguments.config);
  for (const auto& setting : arguments.settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      fail<UsageError>("--set {}: expected TABLE.KEY=VALUE, for example training.seed=2", setting);
    }
    config = config.with(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return arguments.minutes > 0.0 ? config.with("training.minutes", fmt::format("{}", arguments.minutes))
                                 : config;
}

using Train = void (*)(const io::Config& config, bool resume, torch::Device device, Progress& progress);

void add_kind(CLI::App& train, Context& context, const char* name, const char* help, Train run) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = train.add_subcommand(name, help);
  command->add_option("config", arguments->config, "configuration (TOML)")->required();
  command
      ->add_option("--set", arguments->settings,
                   "TABLE.KEY=VALUE in place of the configuration's; may be given again")
      ->allow_extra_args(false);
  command->add_flag("--resume", arguments->resume, "go on from the newest checkpoint of the run");
  command
      ->add_option("--minutes", arguments->minutes,
                   "checkpoint and stop after so long, in place of the configuration's minutes")
      ->check(CLI::PositiveNumber);
  add_device_option(*command, arguments->device);
  command->callback([arguments, run, &context] {
    const io::Config config = configuration(*arguments);
    Progress progress = context.progress();
    run(config, arguments->resume, parse_device(arguments->device), progress);
    io::write_report({{"output", training::training_options(config).output.string()}}, context.json);
  });
}

io::Json to_json(const training::Plan& plan) {
  io::Json stages = io::Json::array();
  for (const auto& stage : plan.stages)
    stages.push_back({{"name", stage.name}, {"steps", stage.steps}, {"step_seconds", stage.step_seconds}});
  return {{"length", plan.length}, {"minutes", plan.minutes}, {"stages", stages}};
}

void plan_run(const TrainArguments& arguments, const Context& context) {
  const io::Config config = io::Config::load(arguments.config);
  const training::Plan plan = training::plan_run(config, arguments.minutes, parse_device(arguments.device));
  io::write_file(arguments.output, config.with("training.length", fmt::format("{}", plan.length)).text());
  if (context.json != "-") {
    spdlog::info("length = {:.3g}, about {:.1f} minutes", plan.length, plan.minutes);
    for (const auto& stage : plan.stages)
      spdlog::info("{}: {} steps of {:.3g} s", stage.name, stage.steps, stage.step_seconds);
  }
  io::write_report(to_json(plan), context.json);
}

void add_plan(CLI::App& train, Context& context) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = train.add_subcommand(
      "plan", "make a configuration of any kind as long as a given time lasts on this machine");
  command->add_option("config", arguments->config, "configuration (TOML)")->required();
  command->add_option("--minutes", arguments->minutes, "that training may take")
      ->required()
      ->check(CLI::PositiveNumber);
  command->add_option("-o,--output", arguments->output, "configuration to write: the same with its length")
      ->required();
  add_device_option(*command, arguments->device);
  command->callback([arguments, &context] { plan_run(*arguments, context); });
}

void add_export(CLI::App& train, Context& context) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = train.add_subcommand("export", "turn a run's best checkpoint into a model folder");
  command->add_option("run", arguments->run, "run folder")->required()->check(CLI::ExistingDirectory);
  command->add_option("-o,--output", arguments->output, "model folder to write")->required();
  command->add_flag("--newest", arguments->newest, "the newest checkpoint, not the best by validation");
  command->callback([arguments, &context] {
    training::export_run(arguments->run, arguments->output,
                         arguments->newest ? training::Pick::Newest : training::Pick::Best);
    io::write_report({{"model", arguments->output.string()}}, context.json);
  });
}

}  // namespace

void add_train(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("train", "train a model");
  command->require_subcommand(1);
  add_kind(*command, context, "decomposition", "learn to take mixtures apart (paper section 3.1)",
           training::train_decomposition);
  add_kind(*command, context, "masks", "learn a decomposition's masks by bootstrapped remixing",
           training::train_masks);
  add_kind(*command, context, "codec", "learn to turn mel latents into sound (a vocoder)",
           training::train_codec);
  add_kind(*command, context, "prior",
           "learn to make parts anew, from a decomposition's latents (section 3.2)", training::train_prior);
  add_kind(*command, context, "demucs", "learn to separate waveforms from their stems, for comparison",
           training::train_demucs);
  add_kind(*command, context, "lass",
           "learn latent autoregressive source separation from stems (a reference of table 2)",
           training::train_lass);
  add_plan(*command, context);
  add_export(*command, context);
}

}  // namespace partita::cli
