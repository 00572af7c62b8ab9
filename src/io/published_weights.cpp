#include "partita/io/published_weights.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

#include "partita/io/atomic_file.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/safetensors.hpp"
#include "partita/io/sha256.hpp"
#include "partita/io/torch_checkpoint.hpp"
#include "posix.hpp"

namespace partita::io {
namespace fs = std::filesystem;
namespace {

// encodec/model.py of facebookresearch/encodec.
constexpr const char* kEncodecUrl = "https://dl.fbaipublicfiles.com/encodec/v0/";
// demucs/pretrained.py of facebookresearch/demucs, version 2; the quantised one is left out.
constexpr const char* kDemucsUrl = "https://dl.fbaipublicfiles.com/demucs/v3.0/";
constexpr const char* kTransformersFile = "model.safetensors";

bool is_safetensors(const fs::path& file) { return file.extension() == ".safetensors"; }

PublishedWeights entry(const std::string& kind, const std::string& folder, const std::string& name,
                       const std::string& hash) {
  const std::string file = fmt::format("{}-{}.th", name, hash);
  return {name, kind, folder + file, file, hash};
}

/// nullptr if no published weights have this name.
const PublishedWeights* find_published(const std::string& name) {
  const auto& all = published_weights();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& weights) { return weights.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

const std::vector<PublishedWeights>& published_weights() {
  static const std::vector<PublishedWeights> kAll = {entry("codec", kEncodecUrl, "encodec_24khz", "d7cc33bc"),
                                                     entry("codec", kEncodecUrl, "encodec_48khz", "7e698e3e"),
                                                     entry("demucs", kDemucsUrl, "demucs", "e07c671f"),
                                                     entry("demucs", kDemucsUrl, "demucs48_hq", "28a1282c"),
                                                     entry("demucs", kDemucsUrl, "demucs_extra", "3646af93")};
  return kAll;
}

bool is_published(const std::string& name) { return find_published(name) != nullptr; }

const PublishedWeights& published(const std::string& name) {
  if (const PublishedWeights* found = find_published(name)) return *found;
  std::vector<std::string> names;
  for (const PublishedWeights& weights : published_weights()) names.push_back(weights.name);
  fail<IoError>("no published weights are called '{}': expected one of {}", name, fmt::join(names, ", "));
}

fs::path weights_folder(const std::string& kind) {
  const fs::path home = home_folder();
  if (home.empty()) fail<IoError>("there is no home folder: set PARTITA_HOME to a folder for weights");
  return home / (kind == "codec" ? "codecs" : kind);
}

std::optional<fs::path> find_weights(const std::string& name) {
  const PublishedWeights& weights = published(name);
  if (home_folder().empty()) return std::nullopt;
  const fs::path folder = weights_folder(weights.kind);
  std::error_code ignored;
  for (const fs::path& place : {folder / weights.file, folder / name / kTransformersFile}) {
    if (fs::is_regular_file(place, ignored)) return place;
  }
  return std::nullopt;
}

fs::path weights_file(const std::string& name) {
  if (auto found = find_weights(name)) return *found;
  const PublishedWeights& weights = published(name);
  fail<IoError>(
      "the weights of {} '{}' are not on this machine (looked for '{}'): run 'partita models fetch {}'",
      weights.kind, name, (weights_folder(weights.kind) / weights.file).string(), name);
}

bool holds_weights(const PublishedWeights& weights, const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && sha256_file(file).starts_with(weights.hash);
}

void verify_weights(const PublishedWeights& weights, const fs::path& file) {
  if (is_safetensors(file)) {
    const SafetensorsFile checked(file);
    return;
  }
  const std::string found = sha256_file(file);
  if (!found.starts_with(weights.hash)) {
    fail<IoError>(
        "'{}' is not the published file of {} '{}', or is damaged: its SHA-256 is {}, expected one that "
        "begins with {}; fetch it again",
        file.string(), weights.kind, weights.name, found, weights.hash);
  }
}

fs::path install_weights(const PublishedWeights& weights, const fs::path& copy) {
  verify_weights(weights, copy);
  const fs::path folder = weights_folder(weights.kind);
  AtomicFile place(is_safetensors(copy) ? folder / weights.name / kTransformersFile : folder / weights.file);
  std::error_code error;
  fs::copy_file(copy, place.temporary(), fs::copy_options::overwrite_existing, error);
  if (error) {
    fail<IoError>("'{}': cannot copy '{}' there: {}", place.final_path().string(), copy.string(),
                  system_message(error.value()));
  }
  place.commit();
  return place.final_path();
}

TensorMap read_weights(const fs::path& file) {
  if (is_safetensors(file)) return SafetensorsFile(file).tensors();
  return read_torch_checkpoint(file);
}

}  // namespace partita::io
