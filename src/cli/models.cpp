#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "commands.hpp"
#include "partita/io/codec_weights.hpp"
#include "partita/io/download.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

constexpr const char* kMirror = "PARTITA_CODEC_URL";

struct Fetch {
  std::string codec, url;
  std::filesystem::path file;
};

io::Json describe(const io::ModelFolder& folder) {
  const io::Config& card = folder.card();
  return {{"name", folder.name()},
          {"kind", folder.kind()},
          {"path", folder.path().string()},
          {"components", card.get<std::vector<std::string>>("components", {})}};
}

io::Json describe(const io::PublishedCodec& codec, const std::filesystem::path& weights) {
  return {{"name", codec.name}, {"kind", "codec"}, {"path", weights.string()}};
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
    if (weights) codecs.push_back(describe(codec, *weights));
    if (context.json != "-") {
      fmt::print("{:24} {:14} {}\n", codec.name, "codec",
                 weights ? weights->string() : fmt::format("absent: partita models fetch {}", codec.name));
    }
  }
  io::write_report({{"models", models}, {"codecs", codecs}}, context.json);
}

/// The address of a codec's file: the user's, that of a mirror of the official place, or the official one.
std::string address(const io::PublishedCodec& codec, const std::string& url) {
  if (!url.empty()) return url;
  const char* mirror = std::getenv(kMirror);
  if (mirror == nullptr || *mirror == '\0') return codec.url;
  const std::string base = mirror;
  return base + (base.ends_with('/') ? "" : "/") + codec.file;
}

void fetch(const Fetch& arguments, const Context& context) {
  const io::PublishedCodec& codec = io::published_codec(arguments.codec);
  std::filesystem::path weights = io::codec_folder() / codec.file;
  if (!arguments.file.empty()) {
    weights = io::install_codec_weights(codec, arguments.file);
  } else if (!io::holds_codec_weights(codec, weights)) {
    Progress progress = context.progress();
    io::download({address(codec, arguments.url), weights, codec.hash}, progress);
  }
  if (context.json != "-") fmt::print("{}: whole\n", weights.string());
  io::write_report(describe(codec, weights), context.json);
}

void verify(const std::string& name, const Context& context) {
  io::Json report;
  if (io::is_published_codec(name)) {
    const io::PublishedCodec& codec = io::published_codec(name);
    const std::filesystem::path weights = io::codec_weights(name);
    io::verify_codec_weights(codec, weights);
    report = describe(codec, weights);
  } else {
    report = describe(io::ModelFolder(io::find_model(name)));
  }
  if (context.json != "-") fmt::print("{}: whole\n", report.at("path").get<std::string>());
  io::write_report(report, context.json);
}

void add_fetch(CLI::App& models, Context& context) {
  auto arguments = std::make_shared<Fetch>();
  CLI::App* command = models.add_subcommand("fetch", "fetch the published weights of a codec");
  command->add_option("codec", arguments->codec, "encodec_24khz or encodec_48khz")->required();
  auto* file = command->add_option("--file", arguments->file, "a copy that you have, instead of a download");
  command
      ->add_option("--url", arguments->url,
                   fmt::format("another address of the file; ${}: of a folder with all of them", kMirror))
      ->excludes(file);
  command->callback([arguments, &context] { fetch(*arguments, context); });
}

}  // namespace

void add_models(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("models", "list, verify and fetch trained models and codecs");
  command->require_subcommand(1);
  command->add_subcommand("list", "the models on the search path, and codecs with published weights")
      ->callback([&context] { list(context); });
  auto name = std::make_shared<std::string>();
  CLI::App* check =
      command->add_subcommand("verify", "check a model's or codec's files against their hashes");
  check->add_option("model", *name, "name or folder")->required();
  check->callback([name, &context] { verify(*name, context); });
  add_fetch(*command, context);
}

}  // namespace partita::cli
