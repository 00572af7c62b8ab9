#include "support/paths.hpp"

namespace partita::support {

std::filesystem::path golden_path(const std::string& file) {
  return std::filesystem::path(PARTITA_GOLDEN_DIR) / file;
}

std::filesystem::path source_path(const std::string& file) {
  return std::filesystem::path(PARTITA_SOURCE_DIR) / file;
}

}  // namespace partita::support
