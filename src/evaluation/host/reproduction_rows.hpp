#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "partita/evaluation/generation.hpp"
#include "partita/evaluation/statistics.hpp"

// What the tables of `Reproduction` share.
namespace partita::evaluation {

using Cells = std::vector<std::string>;

inline const std::vector<std::string> kSources{"drums", "bass"};
inline const std::vector<std::int64_t> kSteps{2, 5, 10, 20, 50, 100};  // of the charts by sampling steps
inline constexpr const char* kNoModel = "no model: no figure";

/// A row of a table: what `-n`, a model's word or a set of sounds calls it, and the paper's figures.
struct PaperRow {
  const char* label;
  const char* name;
  Cells paper;
};

/// A statistic in other units.
inline Statistic scaled(Statistic statistic, double factor) {
  for (double* value : {&statistic.mean, &statistic.deviation, &statistic.median, &statistic.interval.low,
                        &statistic.interval.high}) {
    *value *= factor;
  }
  return statistic;
}

inline std::string to_text(const FadRow& row) {
  return fmt::format("{:.3g} [{:.3g}, {:.3g}]", row.fad, row.interval.low, row.interval.high);
}

}  // namespace partita::evaluation
