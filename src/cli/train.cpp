#include <memory>

#include "commands.hpp"
#include "partita/base/device.hpp"
#include "partita/io/config.hpp"
#include "partita/io/report.hpp"
#include "partita/training/trainer.hpp"

namespace partita::cli {
namespace {

struct Arguments {
  std::filesystem::path config;
  bool resume = false, newest = false;
  std::string device = "cpu";
  std::filesystem::path run, output;
};

using Train = void (*)(const io::Config& config, bool resume, torch::Device device, Progress& progress);

void add_kind(CLI::App& train, Context& context, const char* name, const char* help, Train run) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = train.add_subcommand(name, help);
  command->add_option("config", arguments->config, "configuration (TOML)")->required();
  command->add_flag("--resume", arguments->resume, "go on from the newest checkpoint of the run");
  add_device_option(*command, arguments->device);
  command->callback([arguments, run, &context] {
    const io::Config config = io::Config::load(arguments->config);
    Progress progress = context.progress();
    run(config, arguments->resume, parse_device(arguments->device), progress);
    io::write_report({{"output", training::training_options(config).output.string()}}, context.json);
  });
}

void add_export(CLI::App& train, Context& context) {
  auto arguments = std::make_shared<Arguments>();
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
  add_export(*command, context);
}

}  // namespace partita::cli
