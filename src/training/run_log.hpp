#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace partita::training {

/// Appends a row to a CSV file, after `header` where the file is new. Throws TrainingError if it
/// cannot be written.
void append_row(const std::filesystem::path& csv, const std::string& header, const std::string& row);

/// Drops the rows whose first column, the step, is beyond `step`: a run that goes on from a checkpoint
/// writes them again. Nothing where there is no file.
void drop_rows_after(const std::filesystem::path& csv, std::int64_t step);

}  // namespace partita::training
