#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "partita/io/error.hpp"

namespace partita::io {

/// A codec whose weights others have published.
struct PublishedCodec {
  std::string name;  ///< "encodec_24khz"
  std::string url;   ///< the official place
  std::string file;  ///< "encodec_24khz-d7cc33bc.th"
  std::string hash;  ///< the start of the file's SHA-256, which stands in its name
};

[[nodiscard]] const std::vector<PublishedCodec>& published_codecs();
[[nodiscard]] bool is_published_codec(const std::string& name);
/// Throws IoError listing the names that exist.
[[nodiscard]] const PublishedCodec& published_codec(const std::string& name);

/// `codecs` of `$PARTITA_HOME` (default ~/.cache/partita). Throws IoError if there is no home.
[[nodiscard]] std::filesystem::path codec_folder();

/// The weights of a codec on this machine: the official checkpoint (read_torch_checkpoint) in
/// codec_folder(), or `<name>/model.safetensors` there, as the transformers library publishes them.
[[nodiscard]] std::optional<std::filesystem::path> find_codec_weights(const std::string& name);
/// The same; throws IoError that says how to fetch them.
[[nodiscard]] std::filesystem::path codec_weights(const std::string& name);

/// Whether `file` is there and its SHA-256 begins with the codec's hash.
[[nodiscard]] bool holds_codec_weights(const PublishedCodec& codec, const std::filesystem::path& file);
/// Throws IoError unless the file is sound: an official checkpoint with the codec's hash, or a
/// model.safetensors (which has no published hash) with a valid header.
void verify_codec_weights(const PublishedCodec& codec, const std::filesystem::path& file);

/// Verifies a copy of either file and puts it into codec_folder(). Returns its place.
std::filesystem::path install_codec_weights(const PublishedCodec& codec, const std::filesystem::path& copy);

}  // namespace partita::io
