#include "run_log.hpp"

#include <charconv>
#include <fstream>
#include <sstream>
#include <system_error>

#include "partita/io/atomic_file.hpp"
#include "partita/training/error.hpp"

namespace partita::training {

namespace fs = std::filesystem;

void append_row(const fs::path& csv, const std::string& header, const std::string& row) {
  std::error_code error;
  fs::create_directories(csv.parent_path(), error);
  const bool fresh = !fs::exists(csv, error) || fs::file_size(csv, error) == 0;
  std::ofstream out(csv, std::ios::app);
  if (fresh) out << header << '\n';
  out << row << '\n';
  out.flush();
  if (!out)
    fail<TrainingError>("{}: cannot be written; check the disk and the folder's rights", csv.string());
}

void drop_rows_after(const fs::path& csv, std::int64_t step) {
  if (!fs::exists(csv)) return;
  std::istringstream in(io::read_file(csv));
  std::string kept, line;
  while (std::getline(in, line)) {
    std::int64_t row_step = 0;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), row_step);
    const bool header = parsed.ec != std::errc{};
    if (header ? kept.empty() : row_step <= step) kept += line + '\n';
  }
  io::write_file(csv, kept);
}

}  // namespace partita::training
