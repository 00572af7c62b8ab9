#include "models.hpp"

#include <fmt/format.h>

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
  io::Json codecs = io::Json::array();
  for (const auto& codec : io::published_codecs()) {
    const auto weights = io::find_codec_weights(codec.name);
    if (weights) codecs.push_back(describe_codec(codec, *weights));
    if (context.json != "-") {
      fmt::print("{:24} {:14} {}\n", codec.name, "codec",
                 weights ? weights->string() : fmt::format("absent: partita models fetch {}", codec.name));
    }
  }
  io::write_report({{"models", models}, {"codecs", codecs}}, context.json);
}

void verify(const std::string& name, const Context& context) {
  io::Json report;
  if (io::is_published_codec(name)) {
    const io::PublishedCodec& codec = io::published_codec(name);
    const std::filesystem::path weights = io::codec_weights(name);
    io::verify_codec_weights(codec, weights);
    report = describe_codec(codec, weights);
  } else {
    report = describe(io::ModelFolder(io::find_model(name)));
  }
  if (context.json != "-") fmt::print("{}: whole\n", report.at("path").get<std::string>());
  io::write_report(report, context.json);
}

}  // namespace

io::Json describe_codec(const io::PublishedCodec& codec, const std::filesystem::path& weights) {
  return {{"name", codec.name}, {"kind", "codec"}, {"path", weights.string()}};
}

void add_models(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("models", "trained models, and codecs with published weights");
  command->require_subcommand(1);
  command->add_subcommand("list", "the models on the search path, and codecs with published weights")
      ->callback([&context] { list(context); });
  auto name = std::make_shared<std::string>();
  CLI::App* check =
      command->add_subcommand("verify", "check a model's or codec's files against their hashes");
  check->add_option("model", *name, "name or folder")->required();
  check->callback([name, &context] { verify(*name, context); });
}

}  // namespace partita::cli
