#pragma once

namespace partita::cli {

/// The command line as a function. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
int run(int argc, const char* const* argv);

}  // namespace partita::cli
