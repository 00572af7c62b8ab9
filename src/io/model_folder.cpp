#include "partita/io/model_folder.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <system_error>
#include <utility>

#include "partita/io/atomic_file.hpp"
#include "partita/io/sha256.hpp"

namespace partita::io {
namespace fs = std::filesystem;
namespace {

constexpr const char* kCardFile = "model.toml";
constexpr const char* kWeightsFile = "model.safetensors";

bool is_model_folder(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kCardFile, ignored);
}

/// The folder's path without a slash at its end, so that its last part is its name.
fs::path tidy(const fs::path& folder) {
  const fs::path normal = folder.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

Config load_card(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    fail<IoError>("'{}' is not a model: expected a folder with {}", folder.string(), kCardFile);
  }
  if (!is_model_folder(folder)) {
    fail<IoError>(
        "'{}' is not a model: it has no {} (a folder that was cut off while it was written has none)",
        folder.string(), kCardFile);
  }
  return Config::load(folder / kCardFile);
}

/// Whether a name of [files] leads to a file in the folder itself.
bool is_plain_name(const std::string& file) { return fs::path(file).filename() == file && file != ".."; }

/// The weight files of the model that is in a folder already, if there is one whose card can be read.
std::vector<std::string> files_before(const fs::path& folder) {
  if (!is_model_folder(folder)) return {};
  try {
    return load_card(folder).table("files").keys();
  } catch (const IoError&) {
    return {};
  }
}

void verify(const fs::path& folder, const std::string& file, const std::string& expected) {
  const fs::path path = folder / file;
  if (!is_plain_name(file)) {
    fail<IoError>("'{}': [files] names '{}': expected the name of a file in the same folder",
                  (folder / kCardFile).string(), file);
  }
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    fail<IoError>("'{}' is missing, though {} lists it: fetch the model again", path.string(), kCardFile);
  }
  const std::string found = sha256_file(path);
  if (found != expected) {
    fail<IoError>("'{}' is damaged: its SHA-256 is {}, {} says {}; fetch the model again", path.string(),
                  found, kCardFile, expected);
  }
}

std::vector<fs::path> models_in(const fs::path& place) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(place, error), end; !error && it != end; it.increment(error)) {
    if (is_model_folder(it->path())) found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

ModelFolder::ModelFolder(fs::path folder) : folder_(tidy(folder)), card_(load_card(folder_)) {
  const Config files = card_.table("files");
  for (const std::string& file : files.keys()) verify(folder_, file, files.get<std::string>(file));
}

std::vector<std::string> ModelFolder::files() const { return card_.table("files").keys(); }

std::string ModelFolder::name() const {
  return card_.get<std::string>("name", fs::absolute(folder_).filename().string());
}

std::string ModelFolder::kind() const { return card_.get<std::string>("kind"); }

SafetensorsFile ModelFolder::weights(const std::string& file) const {
  if (!card_.table("files").has(file)) {
    fail<IoError>("'{}': [files] does not list '{}'", (folder_ / kCardFile).string(), file);
  }
  return SafetensorsFile(folder_ / file);
}

void write_model_folder(const fs::path& folder, const std::string& card,
                        const std::map<std::string, TensorMap>& files) {
  const fs::path card_path = folder / kCardFile;
  if (Config::parse(card, card_path.string()).has("files")) {
    fail<IoError>("'{}': the card has a [files] table already: expected one without", card_path.string());
  }
  const std::vector<std::string> before = files_before(folder);
  std::error_code error;
  fs::remove(card_path, error);  // an older model's card must not stand beside the new weights
  if (error) fail<IoError>("'{}': cannot replace: {}", card_path.string(), error.message());
  std::string text = card;
  text += card.empty() || card.back() == '\n' ? "\n[files]\n" : "\n\n[files]\n";
  for (const auto& [file, weights] : files) {
    write_safetensors(folder / file, weights);
    text += fmt::format("\"{}\" = \"{}\"\n", file, sha256_file(folder / file));
  }
  write_file(card_path, text);
  for (const std::string& file : before) {
    if (is_plain_name(file) && !files.contains(file)) fs::remove(folder / file, error);
  }
}

void write_model_folder(const fs::path& folder, const std::string& card, const TensorMap& weights) {
  write_model_folder(folder, card, std::map<std::string, TensorMap>{{kWeightsFile, weights}});
}

fs::path home_folder() {
  if (const char* chosen = std::getenv("PARTITA_HOME"); chosen != nullptr && *chosen != '\0') return chosen;
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? fs::path(home) / ".cache" / "partita" : fs::path();
}

std::vector<fs::path> model_search_path() {
  std::vector<fs::path> places;
  const auto add = [&](const fs::path& place) {
    std::error_code error;
    const fs::path whole = fs::weakly_canonical(place, error);
    const fs::path& path = error ? place : whole;
    if (std::find(places.begin(), places.end(), path) == places.end()) places.push_back(path);
  };
  if (const fs::path home = home_folder(); !home.empty()) add(home / "models");
  add("models");
  add(PARTITA_SOURCE_MODELS);
  add(PARTITA_INSTALLED_MODELS);
  return places;
}

fs::path find_model(const std::string& name) {
  if (name.empty())
    fail<IoError>("the name of a model is empty: expected a name or a folder with {}", kCardFile);
  if (is_model_folder(name)) return tidy(name);
  const bool is_path = name.find('/') != std::string::npos || name == "." || name == "..";
  if (is_path) fail<IoError>("'{}' is not a model: expected a folder with {}", name, kCardFile);
  for (const fs::path& place : model_search_path()) {
    if (is_model_folder(place / name)) return place / name;
  }
  std::vector<std::string> names;
  for (const fs::path& model : list_models()) names.push_back(model.filename().string());
  if (names.empty()) names.emplace_back("none");
  std::vector<std::string> places;
  for (const fs::path& place : model_search_path()) places.push_back(place.string());
  fail<IoError>(
      "no model is called '{}'; models found: {} (looked in {}); a path to a folder with {} works too", name,
      fmt::join(names, ", "), fmt::join(places, ", "), kCardFile);
}

std::vector<fs::path> list_models() {
  std::vector<fs::path> models;
  std::set<std::string> seen;
  for (const fs::path& place : model_search_path()) {
    for (const fs::path& model : models_in(place)) {
      if (seen.insert(model.filename().string()).second) models.push_back(model);
    }
  }
  return models;
}

}  // namespace partita::io
