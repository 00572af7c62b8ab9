#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "partita/audio/file.hpp"
#include "partita/base/text.hpp"

namespace partita::audio {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 6> kExtensions{".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"};

}  // namespace

bool has_audio_extension(const fs::path& path) {
  const std::string extension = lowered(path.extension().string());
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

std::vector<fs::path> audio_files(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail<AudioError>("{}: no such folder", folder.string());
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const bool hidden = entry.path().filename().string().front() == '.';
    if (entry.is_regular_file() && !hidden && has_audio_extension(entry.path()))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace partita::audio
