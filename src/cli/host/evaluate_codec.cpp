#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "partita/base/device.hpp"
#include "partita/evaluation/codec.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

struct EvaluateCodecArguments {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> codecs{"encodec_24khz"};
  double seconds = 30.0;
  std::string device = "cpu";
};

void evaluate_codecs(const EvaluateCodecArguments& arguments, const Context& context) {
  std::vector<evaluation::CodecFigures> figures;
  io::Json rows = io::Json::array();
  for (const auto& name : arguments.codecs) {
    const auto codec = codec::make_codec(name, parse_device(arguments.device));
    Progress progress = context.progress();
    figures.push_back(evaluation::evaluate_codec(*codec, arguments.files, arguments.seconds, progress));
    figures.back().codec = name;  // with what was asked for behind the "@"
    rows.push_back(evaluation::to_json(figures.back()));
  }
  if (context.json != "-") fmt::print("{}", evaluation::to_markdown(figures));
  io::write_report({{"seconds", arguments.seconds}, {"codecs", rows}}, context.json);
}

}  // namespace

void add_evaluate_codec(CLI::App& evaluate, Context& context) {
  auto arguments = std::make_shared<EvaluateCodecArguments>();
  CLI::App* command =
      evaluate.add_subcommand("codec", "MS-STFT distance and SI-SDR of sounds sent through a codec");
  command->add_option("files", arguments->files, "audio files")->required()->check(CLI::ExistingFile);
  add_names_option(*command, "-n,--name", arguments->codecs,
                   "codecs, for example mel,encodec_24khz@6,encodec_48khz");
  command->add_option("--seconds", arguments->seconds, "of each file, from its start")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add_device_option(*command, arguments->device);
  command->callback([arguments, &context] { evaluate_codecs(*arguments, context); });
}

}  // namespace partita::cli
