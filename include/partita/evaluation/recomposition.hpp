#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/evaluation/diversity.hpp"
#include "partita/evaluation/generation.hpp"
#include "partita/evaluation/separation.hpp"
#include "partita/evaluation/statistics.hpp"
#include "partita/io/report.hpp"
#include "partita/recomposition/recomposer.hpp"

namespace partita::evaluation {

/// How far a part agrees with the parts that it was made for: `onset_agreement` within 50 ms, a mean over
/// clips.
struct RhythmRow {
  std::string part;    ///< "drums"
  std::string origin;  ///< "real", "made" or "another song's"
  Statistic agreement;
};

/// What a prior makes of clips, written as sets of sounds for the tables of the paper's section 4.2.
struct RecompositionSets {
  std::filesystem::path original, encoded;  ///< the mixtures, and what the decomposition makes of them
  /// "unconditional", "given-<part>", "noise", "clip-noise", "shuffled"
  std::vector<std::filesystem::path> candidates;
  std::filesystem::path real_parts, made_parts;  ///< <clip>/<part>.wav
  std::vector<RhythmRow> rhythm;
};

/// Writes below `folder`, a file a clip: the clips' mixtures; these encoded and decoded again; mixtures made
/// from nothing; mixtures with one part kept and the others made, for each part; and, to compare, mixtures of
/// latents that are noise, with the statistics of all songs and with those of each clip, and of parts from
/// different clips. Made and real parts lie apart, for their diversity. The clips are at the codec's rate,
/// with references under the names of the recomposer's components. Throws EvaluationError for other clips.
[[nodiscard]] RecompositionSets write_recompositions(recomposition::Recomposer& recomposer,
                                                     const std::vector<Clip>& clips,
                                                     const std::filesystem::path& folder, Progress& progress);

/// The paper's tables 4 and 5 and the rhythm of what a prior makes.
struct RecompositionFigures {
  std::vector<GenerationFigures> generation;  ///< an embedding: to the original, then to the encoded clips
  DiversityFigures diversity;
  std::vector<RhythmRow> rhythm;
};

/// Writes mixtures made from nothing into `folder`, as many and as long as the clips. Throws as
/// `write_recompositions`.
void write_generations(recomposition::Recomposer& recomposer, const std::vector<Clip>& clips,
                       const std::filesystem::path& folder, Progress& progress);

/// Writes the sets below `folder` and measures them, and the sounds of `more` folders by the same Fréchet
/// distances; the seed is the recomposer's. Throws as `write_recompositions`.
[[nodiscard]] RecompositionFigures evaluate_recomposition(
    recomposition::Recomposer& recomposer, const std::vector<Clip>& clips,
    const std::filesystem::path& folder, const std::vector<Embedding>& embeddings, Progress& progress,
    const std::vector<std::filesystem::path>& more = {});

[[nodiscard]] io::Json to_json(const RhythmRow& row);
/// {"generation", "diversity", "rhythm"}
[[nodiscard]] io::Json to_json(const RecompositionFigures& figures);
/// A table of all rows, with a sentence on what they are.
[[nodiscard]] std::string to_markdown(const std::vector<RhythmRow>& rows);
/// All tables, one below the other.
[[nodiscard]] std::string to_markdown(const RecompositionFigures& figures);

}  // namespace partita::evaluation
