#include "process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

namespace partita::cli::test {
namespace {

using std::chrono::steady_clock;
constexpr auto kPause = std::chrono::milliseconds(5);
constexpr int kNotStarted = 127;

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (auto& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_of(const Setting& setting) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!setting.environment.contains(text.substr(0, text.find('=')))) result.push_back(text);
  }
  for (const auto& [name, value] : setting.environment) {
    std::string entry = name;
    entry += '=';
    entry += value;
    result.push_back(std::move(entry));
  }
  return result;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void redirect(const char* path, int flags, int descriptor) {
  const int opened = ::open(path, flags, 0600);
  if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(kNotStarted);
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, const Setting& setting) {
  static std::atomic<int> count{0};
  const std::string number = std::to_string(count++);
  err_ = setting.folder / ("stderr-" + number);
  out_ = setting.standard_output.empty() ? setting.folder / ("stdout-" + number) : setting.standard_output;
  std::vector<std::string> words{PARTITA_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_of(setting);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(variables);
  // From here to execve only what is safe after a fork of a program with threads.
  child_ = ::fork();
  if (child_ != 0) return;
  redirect("/dev/null", O_RDONLY, STDIN_FILENO);
  redirect(out_.c_str(), O_WRONLY | O_CREAT, STDOUT_FILENO);
  redirect(err_.c_str(), O_WRONLY | O_CREAT, STDERR_FILENO);
  if (::chdir(setting.folder.c_str()) != 0) ::_exit(kNotStarted);
  if (setting.largest_file > 0) {
    const rlimit limit{setting.largest_file, setting.largest_file};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(kNotStarted);
  }
  ::execve(argv[0], argv.data(), envp.data());
  ::_exit(kNotStarted);
}

Process::~Process() {
  if (!running()) return;
  send(SIGKILL);
  ::waitpid(child_, &status_, 0);
}

void Process::send(int signal) const { ::kill(child_, signal); }

bool Process::running() {
  if (!ended_ && child_ > 0) ended_ = ::waitpid(child_, &status_, WNOHANG) == child_;
  return !ended_ && child_ > 0;
}

Finished Process::wait(std::chrono::seconds limit) {
  const auto end = steady_clock::now() + limit;
  while (running() && steady_clock::now() < end) std::this_thread::sleep_for(kPause);
  if (running()) {
    ADD_FAILURE() << "partita did not end in " << limit.count() << " s";
    send(SIGKILL);
    ended_ = ::waitpid(child_, &status_, 0) == child_;
  }
  Finished finished;
  if (WIFEXITED(status_)) finished.code = WEXITSTATUS(status_);
  if (WIFSIGNALED(status_)) finished.signal = WTERMSIG(status_);
  finished.err = contents(err_);
  if (std::filesystem::is_regular_file(out_)) finished.out = contents(out_);
  return finished;
}

}  // namespace partita::cli::test
