#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "commands.hpp"
#include "partita/base/device.hpp"
#include "partita/codec/ecdc.hpp"
#include "partita/codec/transcode.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {
namespace {

struct CodecArguments {
  std::filesystem::path input, output, weights;
  std::string codec = "encodec_24khz";
  double bandwidth = 0.0;
  std::string device = "cpu";
  bool float32 = false, bfloat16 = false;

  [[nodiscard]] audio::SampleFormat format() const {
    return float32 ? audio::SampleFormat::Float32 : audio::SampleFormat::Int16;
  }
};

std::shared_ptr<codec::Encodec> load(const CodecArguments& arguments, const std::string& name) {
  return codec::load_encodec(name, parse_device(arguments.device), arguments.weights,
                             arguments.bfloat16 ? torch::kBFloat16 : torch::kFloat32);
}

/// Seconds a second of sound, the real-time factor.
io::Json factor(double seconds, double sound) { return sound > 0.0 ? io::Json(seconds / sound) : io::Json(); }

void report(const codec::Encodec& codec, const CodecArguments& arguments, const codec::Transcoded& result,
            const Context& context) {
  const double sound = static_cast<double>(result.samples) / result.sample_rate;
  if (context.json != "-") {
    spdlog::info("{}: {:.1f} s at {} Hz, {:g} kbit/s; encoded in {:.1f} s, decoded in {:.1f} s",
                 arguments.output.string(), sound, result.sample_rate, codec.bandwidth(),
                 result.encode_seconds, result.decode_seconds);
    if (result.clipped > 0) {
      spdlog::warn("{} samples lie beyond full scale and were clipped; use --float32", result.clipped);
    }
  }
  io::write_report({{"codec", codec.name()},
                    {"bandwidth", codec.bandwidth()},
                    {"input", arguments.input.string()},
                    {"output", arguments.output.string()},
                    {"sample_rate", result.sample_rate},
                    {"channels", result.channels},
                    {"samples", result.samples},
                    {"clipped", result.clipped},
                    {"encode_seconds", result.encode_seconds},
                    {"decode_seconds", result.decode_seconds},
                    {"encode_real_time_factor", factor(result.encode_seconds, sound)},
                    {"decode_real_time_factor", factor(result.decode_seconds, sound)}},
                   context.json);
}

void encode(const CodecArguments& arguments, const Context& context) {
  const auto codec = load(arguments, with_bandwidth(arguments.codec, arguments.bandwidth));
  Progress progress = context.progress();
  report(*codec, arguments, codec::encode_file(*codec, arguments.input, arguments.output, progress), context);
}

void decode(const CodecArguments& arguments, const Context& context) {
  const codec::EcdcFile codes = codec::read_ecdc(arguments.input);
  const auto codec = load(arguments, codes.header.model);
  Progress progress = context.progress();
  report(*codec, arguments, codec::decode_file(*codec, codes, arguments.output, arguments.format(), progress),
         context);
}

void roundtrip(const CodecArguments& arguments, const Context& context) {
  const auto codec = load(arguments, with_bandwidth(arguments.codec, arguments.bandwidth));
  Progress progress = context.progress();
  report(*codec, arguments,
         codec::roundtrip_file(*codec, arguments.input, arguments.output, arguments.format(), progress),
         context);
}

using Action = void (*)(const CodecArguments&, const Context&);

/// A command below `codec` with the options that all of them have.
CLI::App* add_action(CLI::App& parent, Context& context, const std::shared_ptr<CodecArguments>& arguments,
                     const std::string& name, const std::string& help, Action action) {
  CLI::App* command = parent.add_subcommand(name, help);
  command->add_option("input", arguments->input, "the file to read")->required();
  command->add_option("-o,--output", arguments->output, "the file to write")->required();
  command
      ->add_option("--weights", arguments->weights,
                   "weights: a .safetensors file or an official checkpoint; default: those fetched")
      ->check(CLI::ExistingFile);
  command->add_flag("--bfloat16", arguments->bfloat16, "convolutions in bfloat16: faster, rougher");
  add_device_option(*command, arguments->device);
  command->callback([arguments, action, &context] { action(*arguments, context); });
  return command;
}

void add_codec_options(CLI::App& command, CodecArguments& arguments) {
  command.add_option("--codec", arguments.codec, "encodec_24khz or encodec_48khz")->capture_default_str();
  add_bandwidth_option(command, arguments.bandwidth);
}

void add_float_option(CLI::App& command, CodecArguments& arguments) {
  command.add_flag("--float32", arguments.float32, "float samples (WAV)");
}

}  // namespace

void add_codec(CLI::App& app, Context& context) {
  CLI::App* codec = app.add_subcommand("codec", "code sound as EnCodec does (.ecdc files), and back");
  codec->require_subcommand(1);
  const auto make = [&](const std::string& name, const std::string& help, Action action) {
    auto arguments = std::make_shared<CodecArguments>();
    return std::pair{add_action(*codec, context, arguments, name, help, action), arguments};
  };
  const auto [encode_command, encoded] = make("encode", "a song into an .ecdc file", encode);
  add_codec_options(*encode_command, *encoded);
  const auto [decode_command, decoded] = make("decode", "an .ecdc file into WAV, FLAC or MP3", decode);
  add_float_option(*decode_command, *decoded);
  const auto [round_command, rounded] = make("roundtrip", "a song through the codec and back", roundtrip);
  add_codec_options(*round_command, *rounded);
  add_float_option(*round_command, *rounded);
}

}  // namespace partita::cli
