#include "partita/base/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <thread>
#include <utility>

#include "partita/base/error.hpp"
#include "partita/base/interrupt.hpp"

namespace partita {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ProgressText : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(file_, nullptr); }
  void TearDown() override {
    request_interrupt(false);
    std::fclose(file_);
  }

  std::FILE* file() { return file_; }
  std::string text() {
    std::string all;
    std::array<char, 4096> block{};
    std::rewind(file_);
    while (const auto count = std::fread(block.data(), 1, block.size(), file_))
      all.append(block.data(), count);
    return all;
  }

 private:
  std::FILE* file_ = std::tmpfile();
};

TEST_F(ProgressText, SilentPrintsNothing) {
  Progress progress;
  progress.begin("separate", 3, "chunks");
  for (int i = 0; i < 3; ++i) progress.advance();
  progress.end();
  Progress chosen(file(), Progress::Style::Silent);
  chosen.begin("separate", 3, "chunks");
  chosen.advance(3);
  chosen.end();
  EXPECT_EQ(text(), "");
}

TEST_F(ProgressText, LinesAreFewAndPlain) {
  Progress progress(file(), Progress::Style::Lines);
  progress.begin("prepare", 200, "clips");
  for (int i = 0; i < 200; ++i) progress.advance(1, "a note");
  progress.end();
  const std::string shown = text();
  EXPECT_THAT(shown, StartsWith("prepare: 100% (200/200 clips), "));
  EXPECT_THAT(shown, HasSubstr(" clips/s, took 0:00\n"));
  EXPECT_THAT(shown, Not(HasSubstr("\r")));
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 1);
}

TEST_F(ProgressText, BarShowsFiguresAndNote) {
  Progress progress(file(), Progress::Style::Bar);
  progress.begin("train", 4, "steps");
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  progress.advance(2, "loss 0.5");
  progress.advance(2);  // too soon to be shown
  progress.end();
  const std::string shown = text();
  EXPECT_THAT(shown, StartsWith("\rtrain [........................] 0% (0/4 steps)"));
  EXPECT_THAT(shown, HasSubstr("\rtrain [############............] 50% (2/4 steps), "));
  EXPECT_THAT(shown, HasSubstr(" left, loss 0.5"));
  EXPECT_THAT(shown, HasSubstr("\rtrain [########################] 100% (4/4 steps), "));
  EXPECT_THAT(shown, EndsWith("\n"));
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\r'), 3);
}

TEST_F(ProgressText, UnknownTotalAndOverrunAreHarmless) {
  Progress progress(file(), Progress::Style::Bar);
  progress.begin("read", 0, "blocks");
  progress.advance(5);
  progress.end();
  progress.begin("read", 2, "blocks");
  progress.advance(5);
  progress.end();
  EXPECT_THAT(text(), HasSubstr("read 5 blocks"));
  EXPECT_THAT(text(), HasSubstr("(5/2 blocks)"));
}

TEST_F(ProgressText, InterruptUnwindsInEveryStyle) {
  for (const auto style : {Progress::Style::Silent, Progress::Style::Lines, Progress::Style::Bar}) {
    request_interrupt(false);
    Progress progress(file(), style);
    progress.begin("train", 10, "steps");
    EXPECT_NO_THROW(progress.advance());
    request_interrupt();
    EXPECT_THROW(progress.advance(), Interrupted);
  }
  EXPECT_THAT(text(), EndsWith("\n"));  // the bar's line is left, for the message that follows
}

TEST_F(ProgressText, UnfinishedBarLeavesItsLineOnce) {
  {
    Progress progress(file(), Progress::Style::Bar);
    progress.begin("train", 10, "steps");
    const Progress moved = std::move(progress);
  }
  const std::string shown = text();
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 1);
}

}  // namespace
}  // namespace partita
