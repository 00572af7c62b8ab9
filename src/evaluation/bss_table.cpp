#include "partita/evaluation/bss_table.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace partita::evaluation {

void BssTable::Column::add(const BssMetrics& medians, std::int64_t track) {
  if (std::isnan(medians.sdr)) {
    ++silent;
    return;
  }
  ++tracks;
  sdr.add(medians.sdr, track);
  isr.add(medians.isr, track);
  sir.add(medians.sir, track);
  sar.add(medians.sar, track);
}

BssRow BssTable::Column::row(std::string source, std::uint64_t seed) const {
  return {std::move(source),
          sdr.statistic(seed),
          isr.statistic(seed),
          sir.statistic(seed),
          sar.statistic(seed),
          tracks,
          silent};
}

BssTable::BssTable(std::vector<std::string> sources)
    : sources_(std::move(sources)), columns_(sources_.size() + 1) {}

void BssTable::add(const BssResult& track) {
  if (track.frames.size() != sources_.size()) {
    fail<EvaluationError>("BSS Eval: expected figures of {} sources, found {}", sources_.size(),
                          track.frames.size());
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const BssMetrics medians = median(track.frames[i]);
    columns_[i].add(medians, tracks_);
    columns_.back().add(medians, tracks_);
  }
  ++tracks_;
}

std::vector<BssRow> BssTable::rows(std::uint64_t seed) const {
  std::vector<BssRow> result;
  for (std::size_t i = 0; i < sources_.size(); ++i) result.push_back(columns_[i].row(sources_[i], seed));
  result.push_back(columns_.back().row("all", seed));
  return result;
}

io::Json to_json(const std::vector<BssRow>& rows) {
  io::Json json = io::Json::array();
  for (const auto& row : rows) {
    json.push_back({{"source", row.source},
                    {"tracks", row.tracks},
                    {"silent", row.silent},
                    {"sdr", to_json(row.sdr)},
                    {"isr", to_json(row.isr)},
                    {"sir", to_json(row.sir)},
                    {"sar", to_json(row.sar)}});
  }
  return json;
}

io::Json to_json(const BssOptions& options) {
  return {{"window", options.window}, {"hop", options.hop}, {"taps", options.taps}};
}

std::string bss_legend(const BssOptions& options) {
  return fmt::format(
      "BSS Eval v4 in dB ({} taps, windows of {:g} s, hop {:g} s): each track's median over frames. Tracks "
      "with "
      "silent sources are left out.",
      options.taps, options.window, options.hop);
}

std::string to_markdown(const std::vector<std::pair<std::string, std::vector<BssRow>>>& systems) {
  std::string table =
      "| system | source | SDR | ISR | SIR | SAR | SDR, median | tracks | silent |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (const auto& [system, rows] : systems) {
    for (const auto& row : rows) {
      table +=
          fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", system, row.source,
                      to_text(row.sdr), to_text(row.isr), to_text(row.sir), to_text(row.sar),
                      row.tracks > 0 ? fmt::format("{:.1f}", row.sdr.median) : "–", row.tracks, row.silent);
    }
  }
  return table;
}

}  // namespace partita::evaluation
