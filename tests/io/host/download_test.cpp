#include "partita/io/download.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "partita/base/interrupt.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/sha256.hpp"
#include "support/http_server.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::string random_bytes(std::size_t size) {
  std::mt19937 random(20240501);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

/// A server with a file of 300 kB, and where it goes to.
class Downloading : public testing::Test {
 protected:
  static constexpr std::size_t kCut = 100000;

  void fetch(const std::string& url) const {
    Progress silent;
    download({url, path_, hash_}, silent);
  }
  void fetch() const { fetch(server_.url()); }
  [[nodiscard]] std::string part() const {
    const fs::path part = path_.string() + ".part";
    return fs::exists(part) ? read_file(part) : std::string();
  }
  /// The file alone, with nothing beside it.
  void expect_whole() const {
    EXPECT_TRUE(read_file(path_) == body_);
    const auto entries = folder_.entries();
    EXPECT_THAT(entries, testing::UnorderedElementsAre(path_.parent_path(), path_));
  }
  void fetch_cut() {
    server_.cut_after = kCut;
    EXPECT_THAT([&] { fetch(); },
                ThrowsMessage<IoError>(AllOf(HasSubstr(server_.url()), HasSubstr("the connection was cut"),
                                             HasSubstr("100000 bytes"), HasSubstr("fetch again to go on"))));
    EXPECT_TRUE(part() == body_.substr(0, kCut));
    EXPECT_FALSE(fs::exists(path_));
    server_.cut_after = SIZE_MAX;
  }

  std::string body_ = random_bytes(300000);
  std::string hash_ = sha256(body_).substr(0, 8);
  support::TemporaryFolder folder_;
  fs::path path_ = folder_ / "codecs/file.th";
  support::HttpServer server_{body_};
};

TEST_F(Downloading, Whole) {
  fetch();
  expect_whole();
  EXPECT_THAT(server_.ranges(), ElementsAre(""));
}

TEST_F(Downloading, RedirectsAreFollowed) {
  fetch(server_.url("/moved"));
  expect_whole();
}

TEST_F(Downloading, WhatIsThereIsReplaced) {
  write_file(path_, "damaged");
  fetch();
  expect_whole();
}

TEST_F(Downloading, GoesOnAfterACut) {
  fetch_cut();
  fetch();
  expect_whole();
  EXPECT_THAT(server_.ranges(), ElementsAre("", "bytes=100000-"));
}

TEST_F(Downloading, GoesOnWithoutAnETag) {
  server_.etag = 0;
  fetch_cut();
  fetch();
  expect_whole();
  EXPECT_THAT(server_.ranges(), ElementsAre("", "bytes=100000-"));
}

TEST_F(Downloading, BeginsAnewWhereTheFileHasChanged) {
  fetch_cut();
  write_file(path_.string() + ".part", std::string(kCut, 'x'));  // of an older version
  server_.etag = 2;
  fetch();
  expect_whole();
}

TEST_F(Downloading, BeginsAnewWhereTheServerKnowsNoRanges) {
  fetch_cut();
  server_.ignores_ranges = true;
  fetch();
  expect_whole();
}

TEST_F(Downloading, BeginsAnewAfterAPartThatIsTooLong) {
  write_file(path_.string() + ".part", body_ + "more");
  fetch();
  expect_whole();
}

TEST_F(Downloading, AWholePartNeedsNoServer) {
  write_file(path_.string() + ".part", body_);
  fetch("http://127.0.0.1:1/file");
  expect_whole();
  EXPECT_TRUE(server_.ranges().empty());
}

TEST_F(Downloading, AnotherFileIsRemoved) {
  hash_ = "01234567";
  EXPECT_THAT([&] { fetch(); },
              ThrowsMessage<IoError>(AllOf(HasSubstr(server_.url()), HasSubstr(sha256(body_)),
                                           HasSubstr("begins with 01234567"), HasSubstr("it was removed"))));
  EXPECT_THAT(folder_.entries(), ElementsAre(path_.parent_path()));
}

TEST_F(Downloading, AnswersThatAreNoFile) {
  EXPECT_THAT([&] { fetch(server_.url("/none")); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("/none'"), HasSubstr("the server answered 404"))));
  EXPECT_THAT(folder_.entries(), ElementsAre(path_.parent_path()));
  fetch_cut();
  EXPECT_THAT([&] { fetch(server_.url("/none")); }, ThrowsMessage<IoError>(HasSubstr("404")));
  EXPECT_EQ(part().size(), kCut);  // an answer of another kind costs nothing
}

TEST_F(Downloading, ServersThatAreNotThere) {
  EXPECT_THAT([&] { fetch("http://127.0.0.1:1/file"); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("cannot be reached"), HasSubstr("--file"))));
  for (const auto& url :
       std::vector<std::string>{"ftp://host/file", "file", "http://host", "https:///file", ""}) {
    EXPECT_THAT([&] { fetch(url); }, ThrowsMessage<IoError>(HasSubstr("'" + url + "' is no address"))) << url;
  }
  // The server speaks no TLS.
  EXPECT_THAT([&] { fetch("https" + server_.url().substr(4)); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("no safe connection"), HasSubstr("ca-certificates"))));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(Downloading, PlacesThatCannotBeWritten) {
  write_file(folder_ / "file", "no folder");
  path_ = folder_ / "file/below";
  EXPECT_THAT([&] { fetch(); }, ThrowsMessage<IoError>(HasSubstr("cannot make the folder")));
  path_ = folder_ / "full";
  fs::create_symlink("/dev/full", path_.string() + ".part");
  EXPECT_THAT([&] { fetch(); }, ThrowsMessage<IoError>(HasSubstr("free some space")));
}

TEST_F(Downloading, OneAtATime) {
  server_.stall_after = kCut;
  std::thread first([&] { EXPECT_NO_THROW(fetch()); });
  while (part().size() < kCut) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_THAT([&] { fetch(); }, ThrowsMessage<IoError>(HasSubstr("another process fetches the same file")));
  server_.released = true;
  first.join();
  expect_whole();
}

TEST_F(Downloading, CtrlCKeepsWhatArrived) {
  server_.stall_after = kCut;
  std::thread user([&] {
    while (part().size() < kCut) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    request_interrupt();
  });
  EXPECT_THROW(fetch(), Interrupted);
  user.join();
  request_interrupt(false);
  EXPECT_TRUE(part() == body_.substr(0, kCut));
  EXPECT_FALSE(fs::exists(path_));
  server_.released = true;
  fetch();
  expect_whole();
}

}  // namespace
}  // namespace partita::io
