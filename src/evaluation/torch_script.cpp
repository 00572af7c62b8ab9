#include "torch_script.hpp"

#include <torch/script.h>

#include <memory>
#include <utility>

#include "partita/base/text.hpp"
#include "partita/io/config.hpp"

namespace partita::evaluation {
namespace fs = std::filesystem;
namespace {

constexpr int kLowestRate = 1000;
constexpr int kHighestRate = 768000;

/// The line of what LibTorch says that tells what went wrong, without stack traces.
std::string reason(const std::exception& error) {
  const auto* const known = dynamic_cast<const c10::Error*>(&error);
  std::string text = known != nullptr ? known->what_without_backtrace() : error.what();
  const auto raised = text.find("RuntimeError: ");
  if (raised != std::string::npos) text = text.substr(raised);
  return first_line(text);
}

/// What stands in the TOML file for what the options leave open.
EmbeddingOptions completed(const fs::path& file, EmbeddingOptions options) {
  const fs::path beside = fs::path(file).replace_extension(".toml");
  if (fs::exists(beside)) {
    const io::Config config = io::Config::load(beside);
    const int rate = config.get<int>("sample_rate");
    const double window = config.get<double>("window", 0.0);
    const double hop = config.get<double>("hop", window);
    config.finish();
    if (!options.sample_rate) options.sample_rate = rate;
    // A window given by hand does not go with the file's hop.
    if (!options.window && !options.hop) options.hop = hop;
    if (!options.window) options.window = window;
  }
  if (!options.sample_rate) {
    fail<EvaluationError>("{}: at which sample rate does it hear? Say so with --sample-rate or in {}",
                          file.string(), beside.string());
  }
  if (!options.window) options.window = 0.0;
  if (!options.hop) options.hop = options.window;
  return options;
}

void check(const fs::path& file, const EmbeddingOptions& options) {
  const double rate = *options.sample_rate;
  if (rate < kLowestRate || rate > kHighestRate) {
    fail<EvaluationError>("{}: expected a sample rate from {} to {} Hz, found {}", file.string(), kLowestRate,
                          kHighestRate, rate);
  }
  const bool whole = *options.window == 0.0 && *options.hop == 0.0;
  const bool windows = *options.hop * rate >= 1.0 && *options.window >= *options.hop;
  if (!whole && !windows) {
    fail<EvaluationError>("{}: expected a window in seconds and a hop no longer than it, found {:g} and {:g}",
                          file.string(), *options.window, *options.hop);
  }
}

torch::jit::Module load(const fs::path& file, torch::Device device) {
  if (!fs::is_regular_file(file)) {
    fail<EvaluationError>("embedding '{}': neither mel nor encodec, nor a TorchScript file that is there",
                          file.string());
  }
  try {
    torch::jit::Module module = torch::jit::load(file.string(), device);
    module.eval();
    return module;
  } catch (const std::exception& error) {
    fail<EvaluationError>("{}: no TorchScript that can be loaded: {}", file.string(), reason(error));
  }
}

/// `[batch, frame, dim]`, whatever of both shapes the module gives.
torch::Tensor frames_of(const c10::IValue& output, const torch::Tensor& samples, const fs::path& file) {
  if (!output.isTensor()) {
    fail<EvaluationError>("{}: expected a tensor from its forward, found {}", file.string(),
                          output.tagKind());
  }
  torch::Tensor frames = output.toTensor();
  if (frames.dim() == 2) frames = frames.unsqueeze(1);
  if (frames.dim() != 3 || frames.size(0) != samples.size(0) || frames.size(2) < 1) {
    fail<EvaluationError>("{}: expected [batch, dim] or [batch, frame, dim] for samples {}, found {}",
                          file.string(), c10::str(samples.sizes()), c10::str(output.toTensor().sizes()));
  }
  return frames.to(torch::kCPU);
}

}  // namespace

Embedding torch_script_embedding(const fs::path& file, const EmbeddingOptions& options,
                                 torch::Device device) {
  auto module = std::make_shared<torch::jit::Module>(load(file, device));
  const EmbeddingOptions complete = completed(file, options);
  check(file, complete);
  return {file.filename().string(),
          *complete.sample_rate,
          *complete.window,
          *complete.hop,
          true,
          [module, file, device](const torch::Tensor& samples) {
            const torch::NoGradGuard no_gradient;
            c10::IValue output;
            try {
              output = module->forward({samples.to(device)});
            } catch (const std::exception& error) {
              fail<EvaluationError>("{}: fails on samples {}: {}", file.string(), c10::str(samples.sizes()),
                                    reason(error));
            }
            return frames_of(output, samples, file);
          }};
}

}  // namespace partita::evaluation
