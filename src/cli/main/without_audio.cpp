#include "partita/base/device.hpp"
#include "partita/cli/run.hpp"

int main(int argc, char** argv) {
  partita::choose_blas_kernels(argv);
  return partita::cli::run_without_audio(argc, argv);
}
