#pragma once

namespace partita {

/// Turns SIGINT and SIGTERM into a flag that long work polls. Called once, in `main`.
/// A second signal ends the process at once.
void install_interrupt_handler();

/// Whether a stop was asked for.
[[nodiscard]] bool interrupt_requested() noexcept;

/// Throws `Interrupted` if a stop was asked for. Called between chunks, steps and clips.
void throw_if_interrupted();

/// Sets or clears the flag, for tests and for programs with handlers of their own.
void request_interrupt(bool requested = true) noexcept;

}  // namespace partita
