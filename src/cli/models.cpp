#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/report.hpp"

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
  io::write_report({{"models", models}}, context.json);
}

}  // namespace

void add_models(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("models", "list and verify trained models");
  command->require_subcommand(1);
  command->add_subcommand("list", "the models on the search path")->callback([&context] { list(context); });
  auto name = std::make_shared<std::string>();
  CLI::App* verify = command->add_subcommand("verify", "check a model's files against its hashes");
  verify->add_option("model", *name, "name or folder")->required();
  verify->callback([name, &context] {
    const io::ModelFolder folder(io::find_model(*name));
    if (context.json != "-") fmt::print("{}: whole\n", folder.path().string());
    io::write_report(describe(folder), context.json);
  });
}

}  // namespace partita::cli
