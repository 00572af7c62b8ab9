#include "midi_library.hpp"

#include <algorithm>
#include <map>

#include "arrangement.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/text.hpp"
#include "partita/data/error.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/sha256.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr double kShortest = 2.0;  // seconds

std::vector<fs::path> midi_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string extension = lowered(entry.path().extension().string());
    if (entry.is_regular_file() && (extension == ".mid" || extension == ".midi"))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Why a file cannot be used; empty: it can.
std::string fault_of(const std::string& bytes, const std::string& name) {
  try {
    const MidiFile file = parse_midi(bytes, name);
    const std::vector<MidiPart> parts = parts_of(file);
    if (parts.empty()) return "has no notes";
    if (parts.size() < 2) return "has one instrument alone";
    const double seconds = TempoMap(file).seconds(end_of(parts));
    if (seconds < kShortest) return fmt::format("is {:.1f} s long, shorter than {:g} s", seconds, kShortest);
    return {};
  } catch (const DataError& error) {
    return error.what();
  }
}

}  // namespace

MidiLibrary list_midi(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail<DataError>("{}: no such folder of MIDI files", folder.string());
  MidiLibrary library;
  std::map<std::string, fs::path> by_content;
  for (const auto& path : midi_files(folder)) {
    throw_if_interrupted();
    const std::string name = path.lexically_relative(folder).generic_string();
    const std::string bytes = io::read_file(path);
    std::string fault = fault_of(bytes, name);
    if (fault.empty()) {
      const auto [place, added] = by_content.try_emplace(io::sha256(bytes), path);
      if (!added)
        fault = fmt::format("is a copy of {}", place->second.lexically_relative(folder).generic_string());
    }
    if (!fault.empty()) library.skipped.emplace_back(name, fault);
  }
  if (by_content.empty()) {
    fail<DataError>("{}: no usable MIDI file (*.mid, *.midi) in it; {} skipped{}", folder.string(),
                    library.skipped.size(),
                    library.skipped.empty() ? "" : ", the first: " + library.skipped.front().second);
  }
  std::string contents;
  for (const auto& [content, path] : by_content) {
    contents += content;
    library.files.push_back(path);
  }
  library.digest = io::sha256(contents);
  return library;
}

}  // namespace partita::data
