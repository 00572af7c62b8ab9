#include "stem_paths.hpp"

#include <algorithm>
#include <set>
#include <system_error>

#include "partita/base/error.hpp"

namespace partita::decomposition {
namespace {

std::string placeholder_value(const std::string& name_template, const std::string& key,
                              const std::map<std::string, std::string>& values) {
  const auto found = values.find(key);
  if (found == values.end()) {
    std::string known = "{stem}";
    for (const auto& [name, value] : values) known += ", {" + name + "}";
    fail<UsageError>("file name '{}': unknown placeholder {{{}}}; there are {}", name_template, key, known);
  }
  return file_name_part(found->second);
}

std::string expanded(const std::string& name_template, const std::map<std::string, std::string>& values) {
  std::string result;
  std::size_t position = 0;
  while (position < name_template.size()) {
    const std::size_t brace = name_template.find_first_of("{}", position);
    result += name_template.substr(position, brace - position);
    if (brace == std::string::npos) break;
    const std::size_t end = name_template.find('}', brace);
    if (name_template[brace] == '}' || end == std::string::npos) {
      fail<UsageError>("file name '{}': a brace without its partner; placeholders are written {{stem}}",
                       name_template);
    }
    result += placeholder_value(name_template, name_template.substr(brace + 1, end - brace - 1), values);
    position = end + 1;
  }
  return result;
}

void check_inside(const std::filesystem::path& path, const std::string& name_template) {
  const bool leads_out = std::find(path.begin(), path.end(), "..") != path.end();
  if (path.is_absolute() || leads_out || !path.has_filename()) {
    fail<UsageError>("file name '{}': expected names below the output folder, found '{}'", name_template,
                     path.string());
  }
}

}  // namespace

std::string file_name_part(const std::string& name) {
  std::string part = name;
  for (char& letter : part) {
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '/' || letter == '\\' || code < 0x20 || code == 0x7f) letter = '_';
  }
  if (part.empty()) return "_";
  if (part.front() == '.') part.front() = '_';
  return part;
}

std::vector<std::filesystem::path> stem_paths(const std::filesystem::path& output,
                                              const std::string& name_template,
                                              const std::map<std::string, std::string>& values,
                                              const std::vector<std::string>& stems) {
  std::map<std::string, std::string> all = values;
  std::vector<std::filesystem::path> paths;
  std::set<std::filesystem::path> distinct;
  for (const std::string& stem : stems) {
    all["stem"] = stem;
    const std::filesystem::path below = expanded(name_template, all);
    check_inside(below, name_template);
    paths.push_back((output / below).lexically_normal());
    if (!distinct.insert(paths.back()).second) {
      fail<UsageError>("file name '{}': two stems would both be called '{}'; use {{stem}} in it",
                       name_template, paths.back().string());
    }
  }
  return paths;
}

NewFolders::NewFolders(const std::vector<std::filesystem::path>& files) {
  std::set<std::filesystem::path> found;
  for (const auto& file : files) {
    std::error_code error;
    for (auto folder = file.parent_path(); !folder.empty() && !std::filesystem::exists(folder, error);
         folder = folder.parent_path()) {
      found.insert(folder);
    }
  }
  missing_.assign(found.begin(), found.end());
}

NewFolders::~NewFolders() {
  std::error_code error;
  for (auto folder = missing_.rbegin(); folder != missing_.rend(); ++folder) {
    std::filesystem::remove(*folder, error);
  }
}

}  // namespace partita::decomposition
