#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/evaluation/bss_table.hpp"

namespace partita::evaluation {

/// A track's true stems and what a system made of them, a file a source.
struct StemTrack {
  std::string name;
  std::vector<std::filesystem::path> references;
  std::vector<std::filesystem::path> estimates;
};

struct StemTracks {
  std::vector<std::string> sources;
  std::vector<StemTrack> tracks;
  std::int64_t missing = 0;  ///< tracks without a folder of estimates
};

/// The tracks of a folder of folders at any depth (MUSDB18-HQ) or of one such folder, which hold a file a
/// source, named after it, beside the estimates that lie under the same path or the track's name (Demucs).
/// Without `sources`: all files of the first track but "mixture" and "mix". Throws EvaluationError if there
/// is no track with estimates and for stems that are missing.
[[nodiscard]] StemTracks find_stem_tracks(const std::filesystem::path& references,
                                          const std::filesystem::path& estimates,
                                          const std::vector<std::string>& sources = {});

/// A track as BSS Eval reads it, at the files' own rate and channels, block by block. As museval: estimates
/// are cut or filled up with zeros to the references' length. Throws EvaluationError where rates or channels
/// differ.
[[nodiscard]] BssTrack open_track(const StemTrack& track);

/// BSS Eval over tracks, in memory that does not grow with their length.
[[nodiscard]] std::vector<BssRow> evaluate_stems(const StemTracks& tracks, const BssOptions& options,
                                                 std::uint64_t seed, Progress& progress);

}  // namespace partita::evaluation
