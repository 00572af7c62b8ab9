#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <thread>

#include "command_line.hpp"

namespace partita::cli::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kInterrupted = 130;
constexpr int kRate = 8000;
constexpr auto kPatience = std::chrono::seconds(60);

/// Stops the program in the middle of its work.
class Stopped : public CommandLine {
 protected:
  /// Ten minutes: more than any machine separates before the signal.
  void write_long_song() const {
    write_sound(in("long.wav"), song(20.0, kRate, 1).repeat({1, 30}), kRate, kInt16Wav);
  }
  /// Until the stems are begun.
  void wait_for_files(Process& process) const {
    const auto end = steady_clock::now() + kPatience;
    while (files().empty() && process.running() && steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    ASSERT_TRUE(process.running());
    ASSERT_FALSE(files().empty());
  }
  /// Temporary files are hidden.
  [[nodiscard]] std::map<std::string, std::string> final_files() const {
    std::map<std::string, std::string> found;
    for (const auto& file : files()) {
      if (!file.filename().string().starts_with(".")) found[file.string()] = bytes_of(file);
    }
    return found;
  }
};

TEST_F(Stopped, CtrlCLeavesNothing) {
  write_long_song();
  Process process(words(separation({"-n", "hpss", "long.wav"})), setting());
  wait_for_files(process);
  process.send(SIGINT);
  const Finished finished = process.wait();
  EXPECT_EQ(finished.code, kInterrupted) << finished.err;
  ASSERT_FALSE(lines(finished.err).empty());
  EXPECT_EQ(lines(finished.err).back(), "partita: interrupted");
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(Stopped, CtrlCWhileRescalingLeavesNothing) {
  write_long_song();
  Process process(words(separation({"-n", "tiny", "--clip-mode", "rescale", "long.wav"})), setting());
  wait_for_files(process);
  process.send(SIGTERM);
  EXPECT_EQ(process.wait().code, kInterrupted);
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(Stopped, KilledRunsLeaveNoUnfinishedFileUnderAFinalName) {
  Words arguments = separation({"-n", "hpss"});
  for (const std::string name : {"one.wav", "two.wav", "three.wav"}) {
    write_sound(in(name), song(4.0, kRate, 2), kRate, kInt16Wav);
    arguments.push_back(name);
  }
  expect_done(run(arguments));
  const auto whole = final_files();
  ASSERT_EQ(whole.size(), 6U);
  for (const int pause : {0, 60, 150, 400}) {
    fs::remove_all(out());
    Process process(words(arguments), setting());
    const auto end = steady_clock::now() + kPatience;
    while (files().empty() && process.running() && steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    std::this_thread::sleep_for(milliseconds(pause));
    process.send(SIGKILL);
    process.wait();
    for (const auto& [file, bytes] : final_files()) {
      ASSERT_TRUE(whole.contains(file)) << file;
      EXPECT_TRUE(whole.at(file) == bytes) << file << " after " << pause << " ms";
    }
  }
}

}  // namespace
}  // namespace partita::cli::test
