#include <fmt/ranges.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "commands.hpp"
#include "models.hpp"
#include "partita/io/download.hpp"

namespace partita::cli {
namespace {

constexpr const char* kMirror = "PARTITA_CODEC_URL";

struct Fetch {
  std::string name, url;
  std::filesystem::path file;
};

/// The address of published weights: the user's, that of a mirror of the official place, or the official one.
std::string address(const io::PublishedWeights& weights, const std::string& url) {
  if (!url.empty()) return url;
  const char* mirror = std::getenv(kMirror);
  if (mirror == nullptr || *mirror == '\0') return weights.url;
  const std::string base = mirror;
  return base + (base.ends_with('/') ? "" : "/") + weights.file;
}

std::vector<std::string> published_names() {
  std::vector<std::string> names;
  for (const auto& weights : io::published_weights()) names.push_back(weights.name);
  return names;
}

void fetch(const Fetch& arguments, const Context& context) {
  const io::PublishedWeights& weights = io::published(arguments.name);
  std::filesystem::path file = io::weights_folder(weights.kind) / weights.file;
  if (!arguments.file.empty()) {
    file = io::install_weights(weights, arguments.file);
  } else if (!io::holds_weights(weights, file)) {
    Progress progress = context.progress();
    io::download({address(weights, arguments.url), file, weights.hash}, progress);
  }
  if (context.json != "-") fmt::print("{}: whole\n", file.string());
  io::write_report(describe_weights(weights, file), context.json);
}

}  // namespace

void add_models_fetch(CLI::App& models, Context& context) {
  auto arguments = std::make_shared<Fetch>();
  CLI::App* command = models.add_subcommand("fetch", "fetch published weights");
  command->add_option("name", arguments->name, fmt::format("one of {}", fmt::join(published_names(), ", ")))
      ->required();
  auto* file = command->add_option("--file", arguments->file, "a copy that you have, instead of a download");
  command
      ->add_option("--url", arguments->url,
                   fmt::format("another address of the file; ${}: of a folder with all of them", kMirror))
      ->excludes(file);
  command->callback([arguments, &context] { fetch(*arguments, context); });
}

}  // namespace partita::cli
