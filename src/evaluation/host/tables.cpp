#include "partita/evaluation/tables.hpp"

#include <fmt/format.h>

#include "partita/evaluation/si_metrics.hpp"
#include "partita/io/atomic_file.hpp"

namespace partita::evaluation {
namespace fs = std::filesystem;
namespace {

/// "| a | b |" with dashes for cells that are missing.
std::string row_of(const std::string& first, const std::vector<std::string>& cells) {
  std::string row = "| " + first + " |";
  for (const auto& cell : cells) row += " " + (cell.empty() ? "–" : cell) + " |";
  return row + "\n";
}

std::vector<std::string> filled(std::vector<std::string> cells, std::size_t count) {
  cells.resize(count);
  return cells;
}

io::Json cells_of(const std::vector<std::string>& columns, const std::vector<std::string>& cells) {
  if (cells.empty()) return nullptr;
  io::Json json = io::Json::object();
  for (std::size_t i = 0; i < columns.size(); ++i) json[columns[i]] = cells[i];
  return json;
}

void check(const Table& table) {
  for (const auto& row : table.rows) {
    const bool fits = (row.paper.empty() || row.paper.size() == table.paper.size()) &&
                      (row.here.empty() || row.here.size() == table.here.size());
    if (!fits) {
      fail<EvaluationError>("{}: expected {} and {} cells in the row of {}, found {} and {}", table.name,
                            table.paper.size(), table.here.size(), row.system, row.paper.size(),
                            row.here.size());
    }
  }
}

std::string opening(const std::string& name) {
  return fmt::format("<!-- {}: from here on written by partita reproduce -->\n", name);
}
std::string closing(const std::string& name) { return fmt::format("<!-- {}: to here -->\n", name); }

struct Section {
  std::size_t begin = std::string::npos, end = std::string::npos;  ///< with both comments
};

Section find_section(const fs::path& document, const std::string& text, const std::string& name) {
  const std::size_t begin = text.find(opening(name)), end = text.find(closing(name));
  if ((begin == std::string::npos) != (end == std::string::npos) || end < begin) {
    fail<EvaluationError>(
        "{}: expected the comments '{}' and '{}' in this order, found one without the other",
        document.string(), opening(name).substr(0, opening(name).size() - 1),
        closing(name).substr(0, closing(name).size() - 1));
  }
  if (begin == std::string::npos) return {};
  return {begin, end + closing(name).size()};
}

std::string text_of(const fs::path& document) {
  return fs::exists(document) ? io::read_file(document) : std::string();
}

}  // namespace

std::string to_markdown(const Table& table, const fs::path& charts) {
  check(table);
  std::vector<std::string> heads, rules(table.paper.size() + table.here.size() + 1, "---");
  for (const auto& column : table.paper) heads.push_back("paper: " + column);
  for (const auto& column : table.here) heads.push_back("here: " + column);
  heads.emplace_back("note");
  std::string text =
      fmt::format("### {}\n\n{}{}", table.title, row_of("system", heads), row_of("---", rules));
  for (const auto& row : table.rows) {
    std::vector<std::string> cells = filled(row.paper, table.paper.size());
    for (const auto& cell : filled(row.here, table.here.size())) cells.push_back(cell);
    cells.push_back(row.note.empty() ? " " : row.note);
    text += row_of(row.system, cells);
  }
  for (const auto& note : table.notes) text += "\n" + note + "\n";
  for (const auto& chart : table.charts) {
    text += fmt::format("\n![{}]({})\n", chart.what, (charts / chart.file).generic_string());
  }
  return text;
}

io::Json to_json(const Table& table) {
  check(table);
  io::Json rows = io::Json::array();
  for (const auto& row : table.rows) {
    rows.push_back({{"system", row.system},
                    {"paper", cells_of(table.paper, row.paper)},
                    {"here", cells_of(table.here, row.here)},
                    {"note", row.note}});
  }
  return {{"table", table.name},
          {"title", table.title},
          {"settings", table.settings},
          {"rows", rows},
          {"figures", table.figures}};
}

void write_table(const Table& table, const fs::path& folder) {
  io::write_report(to_json(table), (folder / (table.name + ".json")).string());
  io::write_file(folder / (table.name + ".md"), to_markdown(table, {}));
  for (const auto& chart : table.charts) chart.draw(folder / chart.file);
}

void check_section(const fs::path& document, const std::string& name) {
  (void)find_section(document, text_of(document), name);
  const io::AtomicFile probe(document);
}

void write_section(const fs::path& document, const std::string& name, const std::string& text) {
  std::string whole = text_of(document);
  const Section place = find_section(document, whole, name);
  const std::string part = opening(name) + text + closing(name);
  if (place.begin != std::string::npos) {
    whole.replace(place.begin, place.end - place.begin, part);
  } else {
    whole += (whole.empty() ? "" : "\n") + part;
  }
  io::write_file(document, whole);
}

}  // namespace partita::evaluation
