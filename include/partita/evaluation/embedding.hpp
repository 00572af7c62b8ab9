#pragma once

#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "partita/evaluation/si_metrics.hpp"

namespace partita::evaluation {

/// What turns sounds into the frames that Fréchet distances compare. Sounds are cut into windows, a hop apart
/// as long as they last.
struct Embedding {
  std::string name;
  int sample_rate = 0;
  double window = 0.0;        ///< seconds; 0: a sound goes in whole
  double hop = 0.0;           ///< seconds
  bool fills_window = false;  ///< with zeros behind the end of a sound
  /// Mono `[batch, sample]` to `[batch, frame, dim]`, on the CPU.
  std::function<torch::Tensor(const torch::Tensor& samples)> embed;
};

/// What a TorchScript embedding hears; what is not given here stands in the TOML file beside it, called like
/// it
/// ("clap.pt", "clap.toml") and with these keys.
struct EmbeddingOptions {
  std::optional<int> sample_rate;
  std::optional<double> window;  ///< seconds; 0 unless given: sounds go in whole
  std::optional<double> hop;     ///< seconds; a window unless given
};

/// "mel": the latents of MelCodec. "mel-patches": 1.28 s of them each, in 8 bands at 12.5 Hz, which hear
/// rhythm, where single frames hear timbre and level. "onset-correlations": how far onsets in 8 bands
/// coincide two by two, 3.41 s each, which hears whether parts belong together, whatever they sound like.
/// "encodec": the latents of EnCodec 24 kHz before its quantiser, fadtk's encodec-emb, from the weights that
/// io::weights_file finds. All in stretches of a minute. Anything else: a TorchScript file whose forward
/// takes a waveform `[batch, sample]` and returns `[batch, dim]` or `[batch, frame, dim]`
/// (docs/embeddings.md). Loading one runs the code that is in it: it must come from a source that is trusted.
/// Throws EvaluationError for a file that is missing, none of TorchScript or not described.
[[nodiscard]] Embedding make_embedding(const std::string& name, const EmbeddingOptions& options = {},
                                       torch::Device device = torch::kCPU);

/// The names that make_embedding knows.
[[nodiscard]] std::vector<std::string> embedding_names();

}  // namespace partita::evaluation
