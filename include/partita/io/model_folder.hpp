#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "partita/io/config.hpp"
#include "partita/io/safetensors.hpp"

namespace partita::io {

/// A model on disk: `model.toml` (kind, name, architecture, component names, training data,
/// metrics, licence, SHA-256 of each weight file under [files]) + `*.safetensors`.
class ModelFolder {
 public:
  /// Opens and verifies: model.toml present and readable, each file of [files] present with
  /// its hash. Throws IoError naming the file and both hashes.
  explicit ModelFolder(std::filesystem::path folder);

  [[nodiscard]] const std::filesystem::path& path() const { return folder_; }
  [[nodiscard]] std::string name() const;
  /// "decomposition", "prior", "codec".
  [[nodiscard]] std::string kind() const;
  [[nodiscard]] const Config& card() const { return card_; }
  /// The names of the weight files, those of [files].
  [[nodiscard]] std::vector<std::string> files() const;
  /// A weight file by its name in [files], e.g. "model.safetensors".
  [[nodiscard]] SafetensorsFile weights(const std::string& file = "model.safetensors") const;

 private:
  std::filesystem::path folder_;
  Config card_;
};

/// Writes a model folder: the weight files first, then `model.toml`, which is `card` (TOML text
/// without a [files] table) with the hashes added; so a folder cut off has no model.toml. Of a model that was
/// there before nothing remains.
void write_model_folder(const std::filesystem::path& folder, const std::string& card,
                        const std::map<std::string, TensorMap>& files);
/// The same with "model.safetensors" alone.
void write_model_folder(const std::filesystem::path& folder, const std::string& card,
                        const TensorMap& weights);

/// `$PARTITA_HOME` (default ~/.cache/partita); empty if there is no home either.
[[nodiscard]] std::filesystem::path home_folder();

/// Where models are looked for, in order: `$PARTITA_HOME/models` (default ~/.cache/partita),
/// `models/` of the working directory, the source tree's and the installation's share folder.
[[nodiscard]] std::vector<std::filesystem::path> model_search_path();

/// The folder of the model called `name`: a path to a folder with model.toml, or a name on the
/// search path. Throws IoError listing the names that exist.
[[nodiscard]] std::filesystem::path find_model(const std::string& name);

/// Every model folder on the search path, the first of each name.
[[nodiscard]] std::vector<std::filesystem::path> list_models();

}  // namespace partita::io
