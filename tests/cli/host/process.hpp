#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace partita::cli::test {

/// How the program is started.
struct Setting {
  std::filesystem::path folder;                    ///< working directory, and where its output is caught
  std::map<std::string, std::string> environment;  ///< set on top of the test's own
  std::uint64_t largest_file = 0;                  ///< bytes that a file may reach; 0: no limit
  std::filesystem::path standard_output;           ///< where stdout goes; empty: caught
};

/// What became of it.
struct Finished {
  int code = -1;   ///< exit code; -1 when a signal ended it
  int signal = 0;  ///< the signal that ended it
  std::string out, err;
};

/// The `partita` program as a child process; killed when it outlives this object.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, const Setting& setting);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const;
  [[nodiscard]] bool running();
  /// Waits for the end; one that does not come in time fails the test and kills the program.
  Finished wait(std::chrono::seconds limit = std::chrono::seconds(120));

 private:
  pid_t child_ = -1;
  int status_ = 0;
  bool ended_ = false;
  std::filesystem::path out_, err_;
};

}  // namespace partita::cli::test
