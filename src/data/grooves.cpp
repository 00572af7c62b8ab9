#include "grooves.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "partita/base/text.hpp"
#include "partita/data/error.hpp"
#include "partita/io/atomic_file.hpp"
#include "random.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

bool contains_any(const std::string& name, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const char* part) { return name.find(part) != std::string::npos; });
}

bool plain_name(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '+' || c == '&';
  });
}

GrooveFile read_file_of_grooves(const fs::path& path, const std::string& library) {
  GrooveFile file;
  file.library = library;
  std::istringstream lines(io::read_file(path));
  int beats = 4;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    words >> first >> second;
    if (lowered(first) == "time" && !second.empty() &&
        std::isdigit(static_cast<unsigned char>(second[0])) != 0) {
      beats = std::clamp(std::atoi(second.c_str()), 2, 12);
    }
    if (lowered(first) != "defgroove" || second.empty() || !plain_name(second)) continue;
    const std::string name = lowered(second);
    if (contains_any(name, {"intro", "end", "count", "metronome", "break"})) continue;
    (name.find("fill") != std::string::npos ? file.fills : file.main).push_back({second, beats});
  }
  return file;
}

/// "casio/16beatballad2" and "pflib/16BeatBallad" are the family "16beatballad".
std::string family_of(const std::string& library) {
  std::string name = lowered(fs::path(library).filename().string());
  while (name.size() > 1 &&
         (std::isdigit(static_cast<unsigned char>(name.back())) != 0 || name.back() == '-')) {
    name.pop_back();
  }
  return name;
}

}  // namespace

const char* name_of(Split split) {
  switch (split) {
    case Split::Train:
      return "train";
    case Split::Validation:
      return "validation";
    case Split::Test:
      return "test";
  }
  return "train";
}

fs::path groove_folder() {
  std::vector<std::string> folders;
  if (const char* path = std::getenv("MMA_LIBPATH")) folders.emplace_back(path);
  folders.insert(folders.end(), {"/usr/local/share/mma/lib", "/usr/share/mma/lib"});
  for (const auto& folder : folders) {
    if (fs::is_directory(folder)) return folder;
  }
  fail<DataError>("no folder of MMA groove libraries, looked in {}: install 'mma' or set MMA_LIBPATH",
                  fmt::join(folders, ", "));
}

std::vector<GrooveFile> list_grooves(const fs::path& folder) {
  std::vector<GrooveFile> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".mma") continue;
    const std::string library = entry.path().lexically_relative(folder).replace_extension().generic_string();
    if (contains_any(lowered(library), {"metronome", "none", "count"})) continue;
    GrooveFile file = read_file_of_grooves(entry.path(), library);
    if (!file.main.empty()) files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(),
            [](const GrooveFile& a, const GrooveFile& b) { return a.library < b.library; });
  if (files.empty()) fail<DataError>("{}: holds no MMA groove libraries (*.mma)", folder.string());
  return files;
}

Split split_of_groove(const std::string& library, double validation, double test) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : family_of(library)) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  const double place = Random(hash).uniform();
  if (place < validation) return Split::Validation;
  return place >= 1.0 - test ? Split::Test : Split::Train;
}

Split split_of_song(std::int64_t song, double validation, double test) {
  // Multiples of the golden ratio fill [0, 1) evenly.
  const double multiple = (static_cast<double>(song) + 1.0) * 0.6180339887498949;
  const double place = multiple - std::floor(multiple);
  if (place < validation) return Split::Validation;
  return place >= 1.0 - test ? Split::Test : Split::Train;
}

}  // namespace partita::data
