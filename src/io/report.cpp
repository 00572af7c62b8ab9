#include "partita/io/report.hpp"

#include <cstdio>

#include "partita/io/atomic_file.hpp"
#include "partita/io/error.hpp"

namespace partita::io {

void write_report(const Json& report, const std::string& destination) {
  if (destination.empty()) return;
  // dump() writes NaN and infinities as null; file names need not be UTF-8.
  const std::string text = report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (destination != "-") return write_file(destination, text);
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0) fail<IoError>("standard output: cannot write the JSON report");
}

}  // namespace partita::io
