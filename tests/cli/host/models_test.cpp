#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "command_line.hpp"
#include "partita/io/safetensors.hpp"
#include "support/http_server.hpp"

namespace partita::cli::test {
namespace {

using Json = nlohmann::json;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kInterrupted = 130;
constexpr const char* kOfficialFile = "encodec_24khz-d7cc33bc.th";

/// Codecs in a home of their own.
class Models : public CommandLine {
 protected:
  [[nodiscard]] Setting at_home() const {
    Setting result = setting();
    result.environment = {{"PARTITA_HOME", (folder_ / "home").string()}};
    return result;
  }
  [[nodiscard]] fs::path codecs() const { return folder_ / "home/codecs"; }
  [[nodiscard]] Finished models(const Words& arguments) const {
    Words all{"models"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all, at_home());
  }
  [[nodiscard]] Json report(Words arguments) const {
    arguments.insert(arguments.end(), {"--json", "-"});
    const Finished finished = models(arguments);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return finished.code == 0 ? Json::parse(finished.out) : Json();
  }
};

TEST_F(Models, AbsentCodecsAreListedWithTheirCommand) {
  const Finished finished = models({"list"});
  expect_done(finished);
  EXPECT_THAT(finished.out, ::testing::HasSubstr("partita models fetch encodec_24khz"));
  EXPECT_THAT(finished.out, ::testing::HasSubstr("partita models fetch demucs_extra"));
  EXPECT_TRUE(report({"list"}).at("codecs").empty());
  EXPECT_TRUE(report({"list"}).at("demucs").empty());
  expect_failure(models({"verify", "encodec_48khz"}), kFailed, {"'partita models fetch encodec_48khz'"});
}

TEST_F(Models, ACopyIsInstalledListedAndVerified) {
  io::write_safetensors(in("copy.safetensors"), {{"x", torch::ones({1})}});
  const fs::path place = codecs() / "encodec_24khz/model.safetensors";
  EXPECT_EQ(report({"fetch", "encodec_24khz", "--file", "copy.safetensors"}).at("path"), place.string());
  EXPECT_EQ(bytes_of(place), bytes_of(in("copy.safetensors")));
  const Json listed = report({"list"}).at("codecs");
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].at("name"), "encodec_24khz");
  EXPECT_EQ(report({"verify", "encodec_24khz"}).at("path"), place.string());
  put_bytes(place, "damaged");
  expect_failure(models({"verify", "encodec_24khz"}), kFailed, {"model.safetensors"});
}

TEST_F(Models, OtherCopiesAreRefused) {
  put_bytes(in("copy.th"), "no weights");
  expect_failure(models({"fetch", "encodec_24khz", "--file", "copy.th"}), kFailed, {"copy.th", "d7cc33bc"});
  expect_failure(models({"fetch", "encodec_24khz", "--file", "none.th"}), kFailed, {"none.th"});
  expect_failure(models({"fetch", "vinyl"}), kFailed, {"'vinyl'", "encodec_24khz, encodec_48khz"});
  expect_failure(models({"fetch"}), kUsage, {"name is required"});
  expect_failure(models({"fetch", "encodec_24khz", "--file", "copy.th", "--url", "http://x/y"}), kUsage,
                 {"--file", "--url"});
  EXPECT_FALSE(fs::exists(codecs()));
  put_bytes(codecs() / kOfficialFile, "damaged");
  expect_failure(models({"verify", "encodec_24khz"}), kFailed, {kOfficialFile, "damaged", "SHA-256"});
}

TEST_F(Models, FilesOfOtherServersAreRemoved) {
  const support::HttpServer server("no weights");
  expect_failure(models({"fetch", "encodec_24khz", "--url", server.url()}), kFailed,
                 {server.url(), "it was removed"});
  EXPECT_TRUE(fs::is_empty(codecs()));
  // A mirror is asked for the official name, which this one has not.
  Setting mirrored = at_home();
  mirrored.environment["PARTITA_CODEC_URL"] = server.url("/mirror");
  expect_failure(run({"models", "fetch", "encodec_24khz"}, mirrored), kFailed,
                 {server.url("/mirror/") + kOfficialFile, "404"});
}

TEST_F(Models, FullDiskKeepsWhatFits) {
  const support::HttpServer server(std::string(300000, 'x'));
  Setting full = at_home();
  full.largest_file = 100000;
  const Finished finished = run({"models", "fetch", "encodec_24khz", "--url", server.url()}, full);
  expect_failure(finished, kFailed, {"cannot write"});
  EXPECT_FALSE(fs::exists(codecs() / kOfficialFile));
  EXPECT_EQ(fs::file_size(codecs() / (std::string(kOfficialFile) + ".part")), 100000U);
}

TEST_F(Models, CtrlCKeepsWhatArrived) {
  support::HttpServer server(std::string(300000, 'x'));
  server.stall_after = 100000;
  Process process(words({"models", "fetch", "encodec_24khz", "--url", server.url()}), at_home());
  const fs::path part = codecs() / (std::string(kOfficialFile) + ".part");
  std::error_code ignored;
  while (process.running() && (!fs::exists(part) || fs::file_size(part, ignored) != 100000)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  process.send(SIGINT);
  const Finished finished = process.wait();
  EXPECT_EQ(finished.code, kInterrupted) << finished.err;
  EXPECT_EQ(lines(finished.err).back(), "partita: interrupted");
  EXPECT_EQ(fs::file_size(part), 100000U);
  EXPECT_FALSE(fs::exists(codecs() / kOfficialFile));
}

}  // namespace
}  // namespace partita::cli::test
