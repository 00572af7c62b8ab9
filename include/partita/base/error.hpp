#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace partita {

/// Base of every exception that Partita throws. The message names the thing,
/// what was expected, what was found, and what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user asked to stop (Ctrl-C, SIGTERM). Unwinds like any exception, so that
/// unfinished files are removed; the command line turns it into exit code 130.
class Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted") {}
};

/// A wrong value or combination of options, found below the command line.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Throws `E` with a formatted message: `fail<io::IoError>("{}: not found", path)`.
template <class E, class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw E(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace partita
