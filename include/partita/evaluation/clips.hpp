#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "partita/evaluation/separation.hpp"

namespace partita::evaluation {

/// Clips from a folder of folders (or one such folder): each holds one audio file a source, named after
/// it ("drums.wav", "bass.flac"), and "mixture.*" (absent: the mean of the sources). Folders whose
/// sources are not exactly `sources` are passed over. Files with a suffix ("bass.demucs.wav") are
/// estimates of other systems, see `file_system`.
[[nodiscard]] std::vector<Clip> clips_from_folders(const std::filesystem::path& folder,
                                                   const std::vector<std::string>& sources);

/// The first `count` clips that a latent store keeps as audio. Throws EvaluationError when it keeps none
/// or its sources are not `sources`.
[[nodiscard]] std::vector<Clip> clips_from_store(const std::filesystem::path& store, const std::string& split,
                                                 const std::vector<std::string>& sources, std::int64_t count);

/// A system whose estimates are the files "<source>.<suffix>.*" beside the clips' own.
[[nodiscard]] System file_system(const std::filesystem::path& folder, const std::string& suffix,
                                 const std::vector<std::string>& sources);

}  // namespace partita::evaluation
