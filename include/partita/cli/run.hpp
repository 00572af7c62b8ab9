#pragma once

namespace partita::cli {

/// The command line as a function, with all its commands. Exit codes: 0 done, 1 failed, 2 wrong usage, 130
/// interrupted.
int run(int argc, const char* const* argv);

/// The same with the commands alone that neither read nor write audio, all there is with -DPARTITA_AUDIO=OFF:
/// training, and what it starts from and ends with.
int run_without_audio(int argc, const char* const* argv);

}  // namespace partita::cli
