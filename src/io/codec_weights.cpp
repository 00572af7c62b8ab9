#include "partita/io/codec_weights.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

#include "partita/io/atomic_file.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/safetensors.hpp"
#include "partita/io/sha256.hpp"
#include "posix.hpp"

namespace partita::io {
namespace fs = std::filesystem;
namespace {

// encodec/model.py of facebookresearch/encodec.
constexpr const char* kEncodecUrl = "https://dl.fbaipublicfiles.com/encodec/v0/";
constexpr const char* kTransformersFile = "model.safetensors";

bool is_safetensors(const fs::path& file) { return file.extension() == ".safetensors"; }

PublishedCodec encodec(const std::string& name, const std::string& hash) {
  const std::string file = fmt::format("{}-{}.th", name, hash);
  return {name, kEncodecUrl + file, file, hash};
}

/// nullptr if no published codec has this name.
const PublishedCodec* find_published(const std::string& name) {
  const auto& codecs = published_codecs();
  const auto found =
      std::find_if(codecs.begin(), codecs.end(), [&](const auto& codec) { return codec.name == name; });
  return found == codecs.end() ? nullptr : &*found;
}

}  // namespace

const std::vector<PublishedCodec>& published_codecs() {
  static const std::vector<PublishedCodec> kCodecs = {encodec("encodec_24khz", "d7cc33bc"),
                                                      encodec("encodec_48khz", "7e698e3e")};
  return kCodecs;
}

bool is_published_codec(const std::string& name) { return find_published(name) != nullptr; }

const PublishedCodec& published_codec(const std::string& name) {
  if (const PublishedCodec* found = find_published(name)) return *found;
  std::vector<std::string> names;
  for (const PublishedCodec& codec : published_codecs()) names.push_back(codec.name);
  fail<IoError>("no codec with published weights is called '{}': expected one of {}", name,
                fmt::join(names, ", "));
}

fs::path codec_folder() {
  const fs::path home = home_folder();
  if (home.empty()) fail<IoError>("there is no home folder: set PARTITA_HOME to a folder for weights");
  return home / "codecs";
}

std::optional<fs::path> find_codec_weights(const std::string& name) {
  const PublishedCodec& codec = published_codec(name);
  if (home_folder().empty()) return std::nullopt;
  const fs::path folder = codec_folder();
  std::error_code ignored;
  for (const fs::path& place : {folder / codec.file, folder / name / kTransformersFile}) {
    if (fs::is_regular_file(place, ignored)) return place;
  }
  return std::nullopt;
}

fs::path codec_weights(const std::string& name) {
  if (auto found = find_codec_weights(name)) return *found;
  fail<IoError>(
      "the weights of codec '{}' are not on this machine (looked for '{}'): run 'partita models fetch {}'",
      name, (codec_folder() / published_codec(name).file).string(), name);
}

bool holds_codec_weights(const PublishedCodec& codec, const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && sha256_file(file).starts_with(codec.hash);
}

void verify_codec_weights(const PublishedCodec& codec, const fs::path& file) {
  if (is_safetensors(file)) {
    const SafetensorsFile checked(file);
    return;
  }
  const std::string found = sha256_file(file);
  if (!found.starts_with(codec.hash)) {
    fail<IoError>(
        "'{}' is not the published file of codec '{}', or is damaged: its SHA-256 is {}, expected one that "
        "begins with {}; fetch it again",
        file.string(), codec.name, found, codec.hash);
  }
}

fs::path install_codec_weights(const PublishedCodec& codec, const fs::path& copy) {
  verify_codec_weights(codec, copy);
  const fs::path folder = codec_folder();
  AtomicFile place(is_safetensors(copy) ? folder / codec.name / kTransformersFile : folder / codec.file);
  std::error_code error;
  fs::copy_file(copy, place.temporary(), fs::copy_options::overwrite_existing, error);
  if (error) {
    fail<IoError>("'{}': cannot copy '{}' there: {}", place.final_path().string(), copy.string(),
                  system_message(error.value()));
  }
  place.commit();
  return place.final_path();
}

}  // namespace partita::io
