#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "partita/io/error.hpp"
#include "partita/io/safetensors.hpp"

namespace partita::io {

/// Weights that others have published for a network that is built in.
struct PublishedWeights {
  std::string name;  ///< "encodec_24khz"
  std::string kind;  ///< of network: "codec", "demucs"
  std::string url;   ///< the official place
  std::string file;  ///< "encodec_24khz-d7cc33bc.th"
  std::string hash;  ///< the start of the file's SHA-256, which stands in its name
};

[[nodiscard]] const std::vector<PublishedWeights>& published_weights();
[[nodiscard]] bool is_published(const std::string& name);
/// Throws IoError listing the names that exist.
[[nodiscard]] const PublishedWeights& published(const std::string& name);

/// Where weights of a kind are kept: `codecs` or `demucs` of `$PARTITA_HOME` (default ~/.cache/partita).
/// Throws IoError if there is no home.
[[nodiscard]] std::filesystem::path weights_folder(const std::string& kind);

/// Published weights on this machine: the official checkpoint in their folder, or
/// `<name>/model.safetensors` there, as the transformers library publishes them.
[[nodiscard]] std::optional<std::filesystem::path> find_weights(const std::string& name);
/// The same; throws IoError that says how to fetch them.
[[nodiscard]] std::filesystem::path weights_file(const std::string& name);

/// Whether `file` is there and its SHA-256 begins with the published hash.
[[nodiscard]] bool holds_weights(const PublishedWeights& weights, const std::filesystem::path& file);
/// Throws IoError unless the file is sound: an official checkpoint with the published hash, or a
/// model.safetensors (which has no published hash) with a valid header.
void verify_weights(const PublishedWeights& weights, const std::filesystem::path& file);

/// Verifies a copy of either file and puts it into its folder. Returns its place.
std::filesystem::path install_weights(const PublishedWeights& weights, const std::filesystem::path& copy);

/// The tensors of a .safetensors file or, by any other name, of an official checkpoint
/// (read_torch_checkpoint).
[[nodiscard]] TensorMap read_weights(const std::filesystem::path& file);

}  // namespace partita::io
