#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "commands.hpp"
#include "partita/base/device.hpp"
#include "partita/base/error.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/text.hpp"
#include "partita/nn/winograd.hpp"

namespace partita::cli {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kInterrupted = 130;

void log_to_stderr(bool quiet) {
  auto logger =
      std::make_shared<spdlog::logger>("partita", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("partita: %^%v%$");
  logger->set_level(quiet ? spdlog::level::err : spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

/// One line a failure; LibTorch's stack traces are of no use to the user.
int report(const std::string& message, int code) {
  spdlog::error("{}", first_line(message));
  return code;
}

int guarded(const std::function<void()>& work) {
  try {
    work();
    return kDone;
  } catch (const Interrupted&) {
    return report("interrupted", kInterrupted);
  } catch (const UsageError& error) {
    return report(error.what(), kUsage);
  } catch (const Error& error) {
    return report(error.what(), kFailed);
  } catch (const c10::Error& error) {
    return report(std::string("LibTorch: ") + error.what_without_backtrace(), kFailed);
  } catch (const std::bad_alloc&) {
    return report("out of memory", kFailed);
  } catch (const std::exception& error) {
    return report(error.what(), kFailed);
  }
}

/// "partita train decomposition": as much of the command as was understood.
std::string command_of(const CLI::App& app) {
  const auto below = app.get_subcommands();
  return below.empty() ? app.get_name() : app.get_name() + " " + command_of(*below.front());
}

/// Help and version go to stdout; wrong usage is one line like every other failure.
int end_parsing(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
  return report(fmt::format("{}; see '{} --help'", error.what(), command_of(app)), kUsage);
}

}  // namespace

int run(int argc, const char* const* argv, const std::vector<Command>& commands) {
  Context context;
  CLI::App app("Partita takes music apart into its parts, learned from mixtures alone.", "partita");
  app.set_version_flag("--version", PARTITA_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--json", context.json, "write the result as one JSON object to FILE, or to stdout with -");
  app.add_option("--threads", context.threads, "threads for the networks; 0: one a core")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("!--no-winograd", context.winograd,
               "plain sums in the networks' float32 convolutions on the CPU");
  app.add_flag("-q,--quiet", context.quiet, "show errors only");
  app.parse_complete_callback([&] {
    log_to_stderr(context.quiet);
    set_threads(context.threads);
    nn::set_winograd(context.winograd);
    keep_freed_memory();
  });

  for (const Command& command : commands)
    command.add(command.parent.empty() ? app : *app.get_subcommand(command.parent), context);

  log_to_stderr(false);
  install_interrupt_handler();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit becomes a write error with a message
  int usage = kDone;
  const int code = guarded([&] {
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      usage = end_parsing(app, error);
    }
  });
  return code != kDone ? code : usage;
}

}  // namespace partita::cli
