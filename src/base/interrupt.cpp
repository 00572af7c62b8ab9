#include "partita/base/interrupt.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "partita/base/error.hpp"

namespace partita {
namespace {

constexpr int kInterruptedExit = 130;

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the flag is set inside a signal handler");

void on_signal(int /*signal*/) {
  if (stop_requested.exchange(true)) _exit(kInterruptedExit);
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM}) {
    if (sigaction(signal, &action, nullptr) != 0) {
      fail<Error>("cannot install the handler of signal {}: Ctrl-C would lose unfinished work", signal);
    }
  }
}

bool interrupt_requested() noexcept { return stop_requested.load(std::memory_order_relaxed); }

void throw_if_interrupted() {
  if (interrupt_requested()) throw Interrupted();
}

void request_interrupt(bool requested) noexcept { stop_requested.store(requested); }

}  // namespace partita
