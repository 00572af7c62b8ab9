#include <gtest/gtest.h>

#include <cstdlib>

#include "command_line.hpp"

namespace partita::cli::test {
namespace {

/// Which kernels OpenBLAS takes, as it says at each start of the program.
class BlasKernels : public CommandLine {
 protected:
  [[nodiscard]] Words chosen(const std::map<std::string, std::string>& environment) const {
    Setting verbose = setting();
    verbose.environment.insert(environment.begin(), environment.end());
    verbose.environment["OPENBLAS_VERBOSE"] = "2";
    const Finished finished = run({"--version"}, verbose);
    EXPECT_EQ(finished.code, 0) << finished.err;
    Words cores;
    for (const std::string& line : lines(finished.err)) {
      if (line.starts_with("Core: ")) cores.push_back(line.substr(6));
    }
    return cores;
  }
};

TEST_F(BlasKernels, UseTheVectorsOfTheProcessor) {
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr) GTEST_SKIP() << "OPENBLAS_CORETYPE is set";
  const Words cores = chosen({});
  if (cores.empty()) GTEST_SKIP() << "products are not OpenBLAS's";
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
    EXPECT_NE(cores.back(), "Prescott");
}

TEST_F(BlasKernels, AreThoseThatTheUserNames) {
  const Words cores = chosen({{"OPENBLAS_CORETYPE", "Prescott"}});
  if (cores.empty()) GTEST_SKIP() << "products are not OpenBLAS's";
  EXPECT_EQ(cores, Words{"Prescott"});
}

}  // namespace
}  // namespace partita::cli::test
