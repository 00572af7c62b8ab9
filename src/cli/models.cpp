#include "models.hpp"

#include <fmt/ranges.h>

#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "partita/io/model_folder.hpp"

namespace partita::cli {
namespace {

io::Json describe(const io::ModelFolder& folder) {
  const io::Config& card = folder.card();
  return {{"name", folder.name()},
          {"kind", folder.kind()},
          {"path", folder.path().string()},
          {"components", card.get<std::vector<std::string>>("components", {})}};
}

void list(const Context& context) {
  io::Json models = io::Json::array();
  for (const auto& path : io::list_models()) {
    const io::ModelFolder folder(path);
    models.push_back(describe(folder));
    if (context.json != "-") {
      fmt::print("{:24} {:14} {}\n", folder.name(), folder.kind(),
                 fmt::join(folder.card().get<std::vector<std::string>>("components", {}), ", "));
    }
  }
  io::Json published = {{"codec", io::Json::array()}, {"demucs", io::Json::array()}};
  for (const auto& weights : io::published_weights()) {
    const auto file = io::find_weights(weights.name);
    if (file) published.at(weights.kind).push_back(describe_weights(weights, *file));
    if (context.json != "-") {
      fmt::print("{:24} {:14} {}\n", weights.name, weights.kind,
                 file ? file->string() : fmt::format("absent: partita models fetch {}", weights.name));
    }
  }
  io::write_report({{"models", models}, {"codecs", published["codec"]}, {"demucs", published["demucs"]}},
                   context.json);
}

void verify(const std::string& name, const Context& context) {
  io::Json report;
  if (io::is_published(name)) {
    const io::PublishedWeights& weights = io::published(name);
    const std::filesystem::path file = io::weights_file(name);
    io::verify_weights(weights, file);
    report = describe_weights(weights, file);
  } else {
    report = describe(io::ModelFolder(io::find_model(name)));
  }
  if (context.json != "-") fmt::print("{}: whole\n", report.at("path").get<std::string>());
  io::write_report(report, context.json);
}

}  // namespace

io::Json describe_weights(const io::PublishedWeights& weights, const std::filesystem::path& file) {
  return {{"name", weights.name}, {"kind", weights.kind}, {"path", file.string()}};
}

void add_models(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("models", "trained models, and published weights");
  command->require_subcommand(1);
  command->add_subcommand("list", "the models on the search path, and published weights")
      ->callback([&context] { list(context); });
  auto name = std::make_shared<std::string>();
  CLI::App* check =
      command->add_subcommand("verify", "check a model's or published files against their hashes");
  check->add_option("model", *name, "name or folder")->required();
  check->callback([name, &context] { verify(*name, context); });
}

}  // namespace partita::cli
