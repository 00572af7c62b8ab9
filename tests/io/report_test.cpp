#include "partita/io/report.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "partita/io/atomic_file.hpp"
#include "partita/io/error.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

TEST(Report, IsWrittenInOrderWithNullForNan) {
  const support::TemporaryFolder folder;
  const Json report = {{"z", 1}, {"a", NAN}, {"m", {INFINITY, 0.5}}};
  write_report(report, (folder / "r.json").string());
  const std::string text = read_file(folder / "r.json");
  EXPECT_LT(text.find("\"z\""), text.find("\"a\""));
  const Json back = Json::parse(text);
  EXPECT_TRUE(back["a"].is_null());
  EXPECT_TRUE(back["m"][0].is_null());
  EXPECT_EQ(back["m"][1], 0.5);
  EXPECT_EQ(text.back(), '\n');
}

TEST(Report, TakesNamesThatAreNotUtf8) {
  const support::TemporaryFolder folder;
  EXPECT_NO_THROW(write_report({{"file", "a\xff.wav"}}, (folder / "r.json").string()));
  EXPECT_TRUE(Json::accept(read_file(folder / "r.json")));
}

TEST(Report, GoesToStandardOutputForADash) {
  testing::internal::CaptureStdout();
  write_report({{"done", true}}, "-");
  EXPECT_EQ(Json::parse(testing::internal::GetCapturedStdout())["done"], true);
}

TEST(Report, NoDestinationWritesNothing) {
  testing::internal::CaptureStdout();
  write_report({{"done", true}}, "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST(Report, UnwritableDestinationIsAnIoError) {
  const support::TemporaryFolder folder;
  EXPECT_THROW(write_report({{"done", true}}, folder.path().string()), IoError);
}

}  // namespace
}  // namespace partita::io
