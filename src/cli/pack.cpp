#include "partita/data/pack.hpp"

#include <spdlog/spdlog.h>

#include <cmath>
#include <memory>

#include "commands.hpp"

namespace partita::cli {
namespace {

constexpr double kMebibyte = 1 << 20;

struct PackArguments {
  data::PackOptions options;
  double mebibytes = 40.0;
};

void pack(PackArguments& arguments, const Context& context) {
  arguments.options.bytes = std::llround(arguments.mebibytes * kMebibyte);
  Progress progress = context.progress();
  const data::PackReport report = data::pack_store(arguments.options, progress);
  if (context.json != "-") {
    spdlog::info("{}: {} of {} training clips, {} validation clips ({} with audio), {:.1f} MiB",
                 arguments.options.output.string(), report.train_clips, report.available,
                 report.validation_clips, report.waveforms, static_cast<double>(report.bytes) / kMebibyte);
  }
  io::write_report(data::to_json(report), context.json);
}

}  // namespace

void add_pack(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<PackArguments>();
  PackArguments& a = *arguments;
  CLI::App* command =
      app.add_subcommand("pack", "make a small copy of a latent store, to be trained on elsewhere");
  command->add_option("store", a.options.store, "latent store")->required()->check(CLI::ExistingDirectory);
  command->add_option("-o,--output", a.options.output, "folder of the copy")->required();
  command->add_option("--mebibytes", a.mebibytes, "that the copy may have")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--validation-clips", a.options.validation_clips, "clips kept of the validation split")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--waveforms", a.options.waveforms, "of these, clips kept as audio too, to be measured on")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->callback([arguments, &context] { pack(*arguments, context); });
}

}  // namespace partita::cli
