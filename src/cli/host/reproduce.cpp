#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "commands.hpp"
#include "partita/base/device.hpp"
#include "partita/base/stopwatch.hpp"
#include "partita/data/prepare.hpp"
#include "partita/data/store.hpp"
#include "partita/evaluation/embedding.hpp"
#include "partita/evaluation/reproduction.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

using evaluation::Reproduction;

struct ReproduceArguments {
  std::vector<std::string> tables, models;
  bool all = false;
  std::filesystem::path slakh, output, markdown;
  std::string device = "cpu", sampler = "euler";
  evaluation::ReproductionOptions options;
};

/// "max=NAME" as a model under a word.
void add_model(const std::string& text, evaluation::ReproductionOptions& options) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    fail<UsageError>("--model {}: expected WORD=NAME, for example max=drums-bass-max", text);
  }
  options.models[text.substr(0, equals)] = text.substr(equals + 1);
}

/// Where no other is named, and where they exist.
void add_usual_models(evaluation::ReproductionOptions& options) {
  for (const auto& path : io::list_models()) {
    for (const auto& [word, name] : Reproduction::usual_models()) {
      if (path.filename() == name) options.models.emplace(word, name);
    }
  }
  std::erase_if(options.models, [](const auto& model) { return model.second == "none"; });
}

/// The tables asked for, in the paper's order.
std::vector<std::string> wanted(const ReproduceArguments& arguments) {
  std::vector<std::string> tables = Reproduction::tables();
  if (arguments.all) return tables;
  std::erase_if(tables, [&](const std::string& table) {
    return std::find(arguments.tables.begin(), arguments.tables.end(), table) == arguments.tables.end();
  });
  return tables;
}

/// Before hours of work: that what comes of it can be written.
void check_outputs(const ReproduceArguments& arguments, const std::vector<std::string>& tables) {
  for (const auto& table : tables) {
    const io::AtomicFile probe(arguments.output / (table + ".json"));
    if (!arguments.markdown.empty()) evaluation::check_section(arguments.markdown, table);
  }
}

/// The store of a data set's split, prepared where it is not there yet.
std::filesystem::path prepared(const ReproduceArguments& arguments, Progress& progress) {
  data::PrepareOptions options;
  options.input = arguments.slakh;
  options.sources = {"drums", "bass"};
  options.splits = {arguments.options.split};
  options.output = arguments.output / "store";
  options.validation_waveforms = arguments.options.count;
  if (data::is_store(options.output)) {
    spdlog::info("{}: is there already", options.output.string());
  } else {
    (void)data::prepare(options, progress);
  }
  return options.output;
}

evaluation::Table measured(Reproduction& reproduction, const std::string& name, Progress& progress) {
  const Stopwatch stopwatch;
  evaluation::Table table = reproduction.table(name, progress);
  table.settings["seconds"] = stopwatch.seconds();
  return table;
}

void reproduce(ReproduceArguments& arguments, const Context& context) {
  const std::vector<std::string> tables = wanted(arguments);
  check_outputs(arguments, tables);
  evaluation::ReproductionOptions& options = arguments.options;
  for (const auto& model : arguments.models) add_model(model, options);
  add_usual_models(options);
  options.solver = diffusion::parse_solver(arguments.sampler);
  options.device = parse_device(arguments.device);
  if (options.sounds.empty()) options.sounds = arguments.output / "sounds";
  Progress progress = context.progress();
  if (!arguments.slakh.empty()) options.store = prepared(arguments, progress);
  Reproduction reproduction(options);
  if (reproduction.clips() < options.count) {
    spdlog::warn("{} clips are measured, {} were asked for: {} keeps no more as audio", reproduction.clips(),
                 options.count, options.store.string());
  }
  io::Json report = io::Json::array();
  for (const auto& name : tables) {
    const evaluation::Table table = measured(reproduction, name, progress);
    evaluation::write_table(table, arguments.output);
    if (!arguments.markdown.empty()) {
      const auto charts = std::filesystem::proximate(
          arguments.output, std::filesystem::absolute(arguments.markdown).parent_path());
      evaluation::write_section(arguments.markdown, name, evaluation::to_markdown(table, charts));
    }
    if (context.json != "-") fmt::print("{}\n", evaluation::to_markdown(table, arguments.output));
    spdlog::info("{}: {:.0f} s; {}", name, table.settings["seconds"].get<double>(),
                 (arguments.output / (name + ".json")).string());
    report.push_back(evaluation::to_json(table));
  }
  io::write_report({{"tables", report}}, context.json);
}

/// As --model takes them.
std::vector<std::string> usual_models() {
  std::vector<std::string> models;
  models.reserve(Reproduction::usual_models().size());
  for (const auto& [word, name] : Reproduction::usual_models())
    models.push_back(fmt::format("{}={}", word, name));
  return models;
}

void add_clip_options(CLI::App& command, ReproduceArguments& a) {
  auto* data = command.add_option_group("data", "the clips, one of");
  data->add_option("--store", a.options.store, "latent store of drums and bass that keeps audio")
      ->check(CLI::ExistingDirectory);
  data->add_option("--slakh", a.slakh,
                   "Slakh2100 folder, or one made by 'partita render': prepared below the output folder")
      ->check(CLI::ExistingDirectory);
  data->require_option(1);
  command.add_option("--split", a.options.split, "split of the data")->capture_default_str();
  command.add_option("--count", a.options.count, "clips, as in the paper unless given")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

void add_measuring_options(CLI::App& command, ReproduceArguments& a) {
  command.add_option("--steps", a.options.steps, "sampling steps, as in the paper unless given")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  add_sampler_option(command, a.sampler);
  command.add_option("--model", a.models,
                     fmt::format("WORD=NAME: the model behind a row, or none; where there is one: {}",
                                 fmt::join(usual_models(), ", ")));
  add_names_option(command, "--codecs", a.options.codecs, "codecs of table 1")->capture_default_str();
  add_names_option(
      command, "--embeddings", a.options.embeddings,
      fmt::format("of Fréchet distances (tables 1 and 4): {} or TorchScript files (which are run: "
                  "trust their source)",
                  fmt::join(evaluation::embedding_names(), ", ")))
      ->capture_default_str();
  command.add_option("--sampling-clips", a.options.sampling_clips, "clips of the chart by sampling steps")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_option("--seed", a.options.seed, "seed")->capture_default_str();
  add_device_option(command, a.device);
}

}  // namespace

void add_reproduce(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ReproduceArguments>();
  ReproduceArguments& a = *arguments;
  CLI::App* command = app.add_subcommand("reproduce", "measure the paper's tables, beside its own figures");
  auto* which = command->add_option_group("tables", "the tables");
  which->add_option("tables", a.tables, fmt::format("{}", fmt::join(Reproduction::tables(), ", ")))
      ->check(CLI::IsMember(Reproduction::tables()));
  which->add_flag("--all", a.all, "all of them");
  which->require_option(1);
  command
      ->add_option("-o,--out", a.output, "folder of the figures (JSON), tables (Markdown) and charts (PNG)")
      ->required();
  command->add_option("--sounds", a.options.sounds,
                      "folder of the sounds that table 4 makes; default: sounds in the output folder");
  command->add_option("--markdown", a.markdown,
                      "a document whose section of each table is written, between two comments");
  add_clip_options(*command, a);
  add_measuring_options(*command, a);
  command->callback([arguments, &context] { reproduce(*arguments, context); });
}

}  // namespace partita::cli
