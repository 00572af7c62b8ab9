#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "partita/io/report.hpp"

namespace partita::evaluation {

/// One of the paper's tables, as it is there and as it is measured here.
struct Table {
  struct Row {
    std::string system;
    std::vector<std::string> paper;  ///< a cell for each of the table's `paper`; empty: the paper has none
    std::vector<std::string>
        here;  ///< the same of `here`; empty: there is no figure, for the reason in `note`
    std::string note;
  };
  struct Chart {
    std::string file;  ///< its name, "table2-boxes.png"
    std::string what;  ///< in words
    std::function<void(const std::filesystem::path& png)> draw;
  };
  std::string name;  ///< "table2"
  std::string title;
  std::vector<std::string> paper;  ///< columns
  std::vector<std::string> here;   ///< columns
  std::vector<Row> rows;
  std::vector<std::string> notes;  ///< paragraphs of Markdown below the table
  std::vector<Chart> charts;
  io::Json settings;  ///< model, clips, seed, steps and the like
  io::Json figures;   ///< all that the rows are drawn from
};

/// A heading, the table, its notes and its charts, which lie in `charts`.
[[nodiscard]] std::string to_markdown(const Table& table, const std::filesystem::path& charts);
/// {"table", "title", "settings", "rows", "figures"}
[[nodiscard]] io::Json to_json(const Table& table);
/// Writes `folder`/<name>.json, <name>.md and the charts, each atomically.
void write_table(const Table& table, const std::filesystem::path& folder);

/// A part of a Markdown document that a command writes, between two comments which name it: what lies between
/// them is replaced; without them, the part is added at the end, and the document made where there is none.
/// Throws EvaluationError where one comment stands without the other.
void write_section(const std::filesystem::path& document, const std::string& name, const std::string& text);
/// Whether `write_section` could: throws as it does, and IoError where the document cannot be written.
void check_section(const std::filesystem::path& document, const std::string& name);

}  // namespace partita::evaluation
