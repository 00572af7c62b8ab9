#include "partita/base/interrupt.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "partita/base/error.hpp"

namespace partita {
namespace {

class Interrupt : public testing::Test {
 protected:
  void SetUp() override { request_interrupt(false); }
  void TearDown() override { request_interrupt(false); }
};

TEST_F(Interrupt, FlagIsSetAndCleared) {
  EXPECT_FALSE(interrupt_requested());
  EXPECT_NO_THROW(throw_if_interrupted());
  request_interrupt();
  EXPECT_TRUE(interrupt_requested());
  EXPECT_THROW(throw_if_interrupted(), Interrupted);
  request_interrupt(false);
  EXPECT_NO_THROW(throw_if_interrupted());
}

TEST_F(Interrupt, FirstSignalSetsTheFlagSecondEndsTheProcess) {
  const auto one_signal = [](int signal) {
    install_interrupt_handler();
    static_cast<void>(std::raise(signal));
    _exit(interrupt_requested() ? 3 : 4);
  };
  const auto two_signals = [] {
    install_interrupt_handler();
    static_cast<void>(std::raise(SIGINT));
    static_cast<void>(std::raise(SIGTERM));
    _exit(4);
  };
  EXPECT_EXIT(one_signal(SIGINT), testing::ExitedWithCode(3), "");
  EXPECT_EXIT(one_signal(SIGTERM), testing::ExitedWithCode(3), "");
  EXPECT_EXIT(two_signals(), testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace partita
