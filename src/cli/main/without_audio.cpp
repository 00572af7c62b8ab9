#include "partita/cli/run.hpp"

int main(int argc, char** argv) { return partita::cli::run_without_audio(argc, argv); }
