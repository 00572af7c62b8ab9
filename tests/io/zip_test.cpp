#include "../../src/io/zip.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint_raw.hpp"
#include "partita/io/error.hpp"

namespace partita::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const raw::Files& files() {
  static const raw::Files kFiles = {{"a/one", "first"}, {"a/two", ""}, {"a/three", std::string(70000, 'x')}};
  return kFiles;
}

TEST(Zip, HoldsItsFiles) {
  for (const auto& comment :
       std::vector<std::string>{"", "PK\x05\x06 is no end record", std::string(65535, 'c')}) {
    std::string bytes = raw::zip(files());
    bytes.replace(bytes.size() - 2, 2, raw::u16(comment.size()));
    bytes += comment;
    const ZipArchive archive(bytes, "a.zip");
    for (const auto& [name, data] : files()) EXPECT_EQ(archive.read(name), data) << name;
    EXPECT_EQ(archive.find("two"), "a/two");
    EXPECT_FALSE(archive.contains("one"));
    EXPECT_THROW(static_cast<void>(archive.read("one")), IoError);
  }
}

void expect_refused(const std::string& bytes, const std::string& why) {
  EXPECT_THAT(
      [&] {
        const ZipArchive archive(bytes, "a.zip");
        for (const auto& [name, data] : files()) static_cast<void>(archive.read(name));
      },
      ThrowsMessage<IoError>(AllOf(HasSubstr("'a.zip'"), HasSubstr(why))));
}

/// The archive with some bytes of the `nth` record of this kind overwritten.
std::string changed(const std::string& magic, int nth, std::size_t offset, const std::string& bytes) {
  std::string archive = raw::zip(files());
  std::size_t position = archive.find(magic);
  for (int i = 0; i < nth; ++i) position = archive.find(magic, position + 1);
  return archive.replace(position + offset, bytes.size(), bytes);
}

TEST(Zip, FaultsAreNamed) {
  const std::string local = "PK\x03\x04";
  const std::string record = "PK\x01\x02";
  const std::string end = "PK\x05\x06";
  expect_refused(changed(local, 0, 30 + 5, "F"), "entry 'a/one' is damaged: its CRC-32");
  expect_refused(changed(record, 2, 16, raw::u32(1)), "entry 'a/three' is damaged");
  expect_refused(changed(record, 0, 8, raw::u16(1)), "'a/one' is encrypted");
  expect_refused(changed(record, 0, 10, raw::u16(8)), "compressed (method 8)");
  expect_refused(changed(record, 0, 20, raw::u32(4)), "has 4 bytes of 5");
  expect_refused(changed(record, 2, 20, raw::u32(80000) + raw::u32(80000)),
                 "passes the start of the directory");
  expect_refused(changed(record, 0, 20, raw::u32(0xffffffff) + raw::u32(0xffffffff)), "ZIP64");
  expect_refused(changed(record, 0, 42, raw::u32(0xfffffffe)), "does not begin at byte 4294967294");
  expect_refused(changed(record, 0, 42, raw::u32(1)), "does not begin at byte 1");
  expect_refused(changed(record, 0, 42, raw::u32(0xffffffff)), "ZIP64");
  expect_refused(changed(record, 1, 42, raw::u32(0)), "contradicts the directory");
  expect_refused(changed(record, 0, 20, raw::u32(30) + raw::u32(30)), "overlap");
  expect_refused(changed(record, 1, 46, "a/one"), "contradicts the directory");
  expect_refused(changed(record, 2, 28, raw::u16(60000)), "entry 3 passes the end of its directory");
  expect_refused(changed(record, 2, 0, "XX"), "entry 3 of 3 is missing");
  expect_refused(changed(end, 0, 4, raw::u16(1)), "one of several parts");
  expect_refused(changed(end, 0, 8, raw::u16(4) + raw::u16(4)), "entry 4 of 4 is missing");
  expect_refused(changed(end, 0, 8, raw::u16(65535) + raw::u16(65535)), "ZIP64");
  expect_refused(changed(end, 0, 12, raw::u32(1000000)), "passes the directory's end record");
  expect_refused(changed(end, 0, 16, raw::u32(0xfffffff0)), "passes the directory's end record");
  expect_refused(changed(end, 0, 16, raw::u32(0xffffffff)), "ZIP64");
  expect_refused(raw::zip({{"a/one", "x"}, {"a/one", "x"}}), "it holds 'a/one' twice");
  const std::string whole = raw::zip(files());
  for (const std::size_t size : {std::size_t{0}, std::size_t{21}, whole.size() - 23, whole.size() - 1}) {
    expect_refused(whole.substr(0, size), "no directory at its end");
  }
  expect_refused(whole + "x", "no directory at its end");
}

}  // namespace
}  // namespace partita::io
