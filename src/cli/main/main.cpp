#include "partita/cli/run.hpp"

int main(int argc, char** argv) { return partita::cli::run(argc, argv); }
