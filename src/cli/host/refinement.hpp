#pragma once

#include <map>
#include <string>

#include "partita/decomposition/separator.hpp"

namespace partita::cli {

/// The words that `--refine` takes.
inline const std::map<std::string, decomposition::Refinement>& refinements() {
  using decomposition::Refinement;
  static const std::map<std::string, Refinement> words{{"best", Refinement::Best},
                                                       {"learned", Refinement::Learned},
                                                       {"wiener", Refinement::Wiener},
                                                       {"none", Refinement::None}};
  return words;
}

}  // namespace partita::cli
