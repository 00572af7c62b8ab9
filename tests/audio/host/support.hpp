#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "partita/audio/file.hpp"

namespace partita::audio::test {

/// A folder of its own for the running test, removed afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(info->test_suite_name()) + "." + info->name();
    for (char& letter : name) {
      letter = letter == '/' ? '-' : letter;
    }
    path_ =
        std::filesystem::temp_directory_path() / ("partita-audio-" + std::to_string(::getpid()) + "-" + name);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  [[nodiscard]] bool empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

inline void put_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Uniform noise in ±0.9, the same for the same shape.
inline torch::Tensor noise(std::int64_t channels, std::int64_t samples) {
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(7);
  return torch::rand({channels, samples}, generator) * 1.8 - 0.9;
}

/// A tone with a little noise, which lossy codecs keep well.
inline torch::Tensor tone(std::int64_t channels, std::int64_t samples, int rate) {
  const auto time = torch::arange(samples, torch::kFloat64) / static_cast<double>(rate);
  const auto wave = (0.5 * torch::sin(time * 2764.6)).to(torch::kFloat32);
  return wave.expand({channels, samples}) + 0.001 * noise(channels, samples);
}

/// The message with which `action` throws AudioError; fails the test if it does not.
template <class Action>
std::string audio_error(Action&& action) {
  try {
    action();
  } catch (const AudioError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos)
        << "one line expected: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no AudioError";
  return {};
}

}  // namespace partita::audio::test
