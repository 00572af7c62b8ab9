#include <fmt/format.h>

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
  std::string codec, url;
  std::filesystem::path file;
};

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
  io::write_report(describe_codec(codec, weights), context.json);
}

}  // namespace

void add_models_fetch(CLI::App& models, Context& context) {
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

}  // namespace partita::cli
