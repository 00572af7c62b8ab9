#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace partita::support {

/// A new folder of the running test's own, removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(std::filesystem::temp_directory_path() / unique_name()) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  /// Everything below it: files, hidden ones too, and folders.
  [[nodiscard]] std::vector<std::filesystem::path> entries() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      found.push_back(entry.path());
    }
    return found;
  }

 private:
  static std::string unique_name() {
    static std::atomic<int> count{0};
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name =
        test == nullptr ? std::string("suite") : fmt::format("{}-{}", test->test_suite_name(), test->name());
    for (char& letter : name) {
      if (letter == '/') letter = '-';
    }
    return fmt::format("partita-{}-{}-{}", ::getpid(), name, count++);
  }

  std::filesystem::path path_;
};

}  // namespace partita::support
