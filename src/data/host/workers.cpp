#include "workers.hpp"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "partita/base/interrupt.hpp"
#include "partita/data/error.hpp"

namespace partita::data {
namespace {

/// Lines that workers send: "done " and how much, or "fail " and a message. Short enough to be written whole.
constexpr std::size_t kLongestLine = 2048;
constexpr int kPollMilliseconds = 200;

bool send_line(int pipe, std::string line) {
  if (line.size() >= kLongestLine) line.resize(kLongestLine - 1);
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  line.push_back('\n');
  return write(pipe, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

/// The life of a worker process. Ends it without running the parent's destructors.
[[noreturn]] void work_and_exit(const std::vector<std::int64_t>& items, int index, int count, int pipe,
                                const std::function<std::int64_t(std::int64_t)>& work) {
  int status = 0;
  try {
    // One core a worker; and a fork has none of the threads of OpenMP's pool, for which it would wait
    // forever.
    at::set_num_threads(1);
    const auto stride = static_cast<std::size_t>(count);
    for (auto i = static_cast<std::size_t>(index); i < items.size(); i += stride) {
      throw_if_interrupted();
      if (!send_line(pipe, fmt::format("done {}", work(items[i])))) break;
    }
  } catch (const Interrupted&) {
    status = 130;
  } catch (const std::exception& error) {
    send_line(pipe, std::string("fail ") + error.what());
    status = 1;
  }
  _exit(status);
}

/// The worker processes and the pipe they report on. Leaving early stops them.
class Workers {
 public:
  Workers() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) fail<DataError>("cannot make a pipe: {}", std::strerror(errno));
    reading_ = ends[0];
    writing_ = ends[1];
  }
  ~Workers() {
    for (const pid_t process : processes_) kill(process, SIGTERM);
    for (const pid_t process : processes_) waitpid(process, nullptr, 0);
    close(reading_);
    close_writing();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void start(const std::vector<std::int64_t>& items, int index, int count,
             const std::function<std::int64_t(std::int64_t)>& work) {
    const pid_t parent = getpid();
    const pid_t process = fork();
    if (process < 0) fail<DataError>("cannot start a worker process: {}", std::strerror(errno));
    if (process == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() != parent) _exit(130);
      work_and_exit(items, index, count, writing_, work);
    }
    processes_.push_back(process);
  }

  void close_writing() {
    if (writing_ >= 0) close(writing_);
    writing_ = -1;
  }

  /// The next lines, empty when none came for a while. False when all workers have ended.
  bool receive(std::string& lines) {
    pollfd waiting{reading_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMilliseconds) <= 0) return true;
    std::array<char, 4096> buffer{};
    const ssize_t count = read(reading_, buffer.data(), buffer.size());
    if (count == 0) return false;
    if (count > 0) lines.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
  }

  /// Waits for every worker and throws if one ended badly without a word.
  void join() {
    int bad = 0;
    for (const pid_t process : processes_) {
      int status = 0;
      waitpid(process, &status, 0);
      if (status != 0) bad = status;
    }
    processes_.clear();
    if (bad == 0) return;
    throw_if_interrupted();
    if (WIFEXITED(bad) && WEXITSTATUS(bad) == 130) throw Interrupted();
    fail<DataError>("a worker process ended with {} {}; is there enough memory?",
                    WIFSIGNALED(bad) ? "signal" : "status",
                    WIFSIGNALED(bad) ? WTERMSIG(bad) : WEXITSTATUS(bad));
  }

 private:
  int reading_ = -1;
  int writing_ = -1;
  std::vector<pid_t> processes_;
};

}  // namespace

void run_forked(const std::vector<std::int64_t>& items, int count,
                const std::function<std::int64_t(std::int64_t)>& work, Progress& progress) {
  std::fflush(nullptr);  // what is buffered here must not be written by the children too
  Workers workers;
  for (int i = 0; i < count; ++i) workers.start(items, i, count, work);
  workers.close_writing();
  std::string lines;
  while (workers.receive(lines)) {
    throw_if_interrupted();
    for (std::size_t end = lines.find('\n'); end != std::string::npos; end = lines.find('\n')) {
      const std::string line = lines.substr(0, end);
      lines.erase(0, end + 1);
      if (line.rfind("fail ", 0) == 0) throw DataError(line.substr(5));
      progress.advance(std::stoll(line.substr(5)));
    }
  }
  workers.join();
}

int worker_count(int asked, std::size_t items) {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const auto most = std::clamp<std::size_t>(items, 1, 1024);
  return std::min(asked > 0 ? asked : cores, static_cast<int>(most));
}

}  // namespace partita::data
