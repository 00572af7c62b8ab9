#include "mma.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "partita/base/interrupt.hpp"
#include "partita/data/error.hpp"
#include "partita/io/atomic_file.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds kTimeLimit{60};

/// posix_spawn's file actions, freed at the end of a scope.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

/// MMA's environment: a home of its own, and Python's hashes fixed so that the same text gives the
/// same notes.
std::vector<std::string> environment(const fs::path& work) {
  std::vector<std::string> variables{"HOME=" + work.string(), "TMPDIR=" + work.string(), "PYTHONHASHSEED=0",
                                     "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8"};
  for (const char* name : {"PATH", "MMA_LIBPATH", "MMA_INCPATH"}) {
    if (const char* value = std::getenv(name)) variables.push_back(std::string(name) + "=" + value);
  }
  return variables;
}

pid_t start_mma(const fs::path& work) {
  FileActions actions;
  posix_spawn_file_actions_addchdir_np(actions.get(), work.c_str());
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(actions.get(), STDOUT_FILENO, "mma.log", O_WRONLY | O_CREAT | O_TRUNC,
                                   0644);
  posix_spawn_file_actions_adddup2(actions.get(), STDOUT_FILENO, STDERR_FILENO);
  std::vector<std::string> variables = environment(work);
  std::vector<char*> environ_list;
  environ_list.reserve(variables.size() + 1);
  for (auto& variable : variables) environ_list.push_back(variable.data());
  environ_list.push_back(nullptr);
  std::array<std::string, 8> arguments{"mma",        "-w", "-m",       "100000",
                                       "-xNOCREDIT", "-f", "song.mid", "song.mma"};
  std::array<char*, 9> argument_list{};
  for (std::size_t i = 0; i < arguments.size(); ++i) argument_list[i] = arguments[i].data();
  pid_t process = 0;
  const int error =
      posix_spawnp(&process, "mma", actions.get(), nullptr, argument_list.data(), environ_list.data());
  if (error != 0) {
    fail<DataError>("cannot run 'mma' (Musical MIDI Accompaniment): {}; install the package 'mma'",
                    std::strerror(error));
  }
  return process;
}

/// The exit status, or −1 when the process had to be stopped.
int wait_for(pid_t process) {
  const auto limit = std::chrono::steady_clock::now() + kTimeLimit;
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended == process) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (ended < 0 && errno != EINTR) return -1;
    if (interrupt_requested() || std::chrono::steady_clock::now() > limit) {
      kill(process, SIGKILL);
      waitpid(process, &status, 0);
      throw_if_interrupted();
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::string last_line(const fs::path& log) {
  std::string text = io::read_file(log);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

std::optional<MidiFile> run_mma(const std::string& text, const fs::path& work, std::string& refusal) {
  const fs::path result = work / "song.mid";
  fs::remove(result);
  io::write_file(work / "song.mma", text);
  const int status = wait_for(start_mma(work));
  if (status != 0 || !fs::exists(result)) {
    refusal = last_line(work / "mma.log");
    return std::nullopt;
  }
  return parse_midi(io::read_file(result), result.string());
}

}  // namespace partita::data
