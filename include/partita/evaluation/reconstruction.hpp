#pragma once

#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/decomposition/separator.hpp"
#include "partita/evaluation/separation.hpp"
#include "partita/evaluation/statistics.hpp"
#include "partita/io/report.hpp"

namespace partita::evaluation {

/// How well a decomposition puts mixtures together again (paper, table 3).
struct ReconstructionFigures {
  std::string composition;  ///< the operator C
  std::string codec;
  Statistic mse;       ///< of the codec's latents: C of the components against the mixture's x
  Statistic ms_stft;   ///< ms_stft_distance: C of the components, decoded, against x, decoded
  Statistic to_sound;  ///< the same against the mixture itself
  std::int64_t clips = 0;
  std::int64_t silent = 0;  ///< clips left out
};

/// Takes the clips' mixtures apart and composes them again. Throws EvaluationError for a separator with
/// learned refinement, whose components add up by construction, and where there is no clip to measure.
[[nodiscard]] ReconstructionFigures evaluate_reconstruction(decomposition::Separator& separator,
                                                            const std::vector<Clip>& clips,
                                                            Progress& progress);
[[nodiscard]] io::Json to_json(const ReconstructionFigures& figures);

}  // namespace partita::evaluation
