#include "partita/io/atomic_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "partita/io/error.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

using support::TemporaryFolder;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(AtomicFile, AppearsOnlyWithCommit) {
  const TemporaryFolder folder;
  const auto path = folder / "stem.flac";
  AtomicFile file(path);
  std::ofstream(file.temporary()) << "whole";
  EXPECT_EQ(file.temporary().parent_path(), path.parent_path());
  EXPECT_EQ(file.temporary().extension(), ".flac");
  EXPECT_TRUE(file.temporary().filename().string().starts_with(".stem.partial-"));
  EXPECT_FALSE(std::filesystem::exists(path));
  file.commit();
  EXPECT_EQ(read_file(path), "whole");
  EXPECT_EQ(folder.entries().size(), 1U);
  EXPECT_THROW(file.commit(), IoError);
}

TEST(AtomicFile, LeavesNothingBehindWithoutCommit) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "old");
  try {
    const AtomicFile file(folder / "a.txt");
    std::ofstream(file.temporary()) << "half of the n";
    throw std::runtime_error("cut off");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(read_file(folder / "a.txt"), "old");
  }
  EXPECT_EQ(folder.entries().size(), 1U);
}

TEST(AtomicFile, MovedOneStillOwnsTheFile) {
  const TemporaryFolder folder;
  {
    AtomicFile first(folder / "a.txt");
    AtomicFile second(std::move(first));
    std::ofstream(second.temporary()) << "x";
    second.commit();
  }
  EXPECT_EQ(read_file(folder / "a.txt"), "x");
  EXPECT_EQ(folder.entries().size(), 1U);
}

TEST(AtomicFile, TwoWritersOfOneNameDoNotMeet) {
  const TemporaryFolder folder;
  AtomicFile first(folder / "a.txt");
  AtomicFile second(folder / "a.txt");
  EXPECT_NE(first.temporary(), second.temporary());
  std::ofstream(first.temporary()) << "first";
  std::ofstream(second.temporary()) << "second";
  second.commit();
  first.commit();
  EXPECT_EQ(read_file(folder / "a.txt"), "first");
}

TEST(AtomicFile, MakesFoldersAndTakesLongNames) {
  const TemporaryFolder folder;
  const auto path = folder / ("new/below/" + std::string(250, 'n') + ".wav");
  write_file(path, "x");
  EXPECT_EQ(read_file(path), "x");
}

TEST(AtomicFile, RefusesFoldersAndDevices) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { AtomicFile file(folder.path()); }, ThrowsMessage<IoError>(HasSubstr("is a folder")));
  EXPECT_THAT([&] { AtomicFile file(folder.path() / ""); },
              ThrowsMessage<IoError>(HasSubstr("name of a file")));
  EXPECT_THAT([] { AtomicFile file("/dev/null"); },
              ThrowsMessage<IoError>(HasSubstr("not an ordinary file")));
  EXPECT_THROW(AtomicFile(""), IoError);
}

TEST(AtomicFile, AFileInTheWayOfAFolderIsNamed) {
  const TemporaryFolder folder;
  write_file(folder / "plain", "x");
  EXPECT_THAT([&] { AtomicFile file(folder / "plain/below/a.txt"); },
              ThrowsMessage<IoError>(HasSubstr("plain")));
}

TEST(AtomicFile, FollowsASymbolicLink) {
  const TemporaryFolder folder;
  write_file(folder / "real.txt", "old");
  std::filesystem::create_symlink(folder / "real.txt", folder / "link.txt");
  write_file(folder / "link.txt", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.txt"));
  EXPECT_EQ(read_file(folder / "real.txt"), "new");
}

/// A limit on the size of files stands for the full disk: write() fails half-way.
TEST(WriteFile, FailureHalfWayKeepsTheOldFile) {
  const TemporaryFolder folder;
  write_file(folder / "a.bin", "old");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THAT([&] { write_file(folder / "a.bin", std::string(100'000, 'x')); },
              ThrowsMessage<IoError>(testing::AllOf(HasSubstr("a.partial-"), HasSubstr("cannot write"))));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  static_cast<void>(std::signal(SIGXFSZ, handler));
  EXPECT_EQ(read_file(folder / "a.bin"), "old");
  EXPECT_EQ(folder.entries().size(), 1U);
}

TEST(ReadFile, NamesWhatIsMissing) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { static_cast<void>(read_file(folder / "none.txt")); },
              ThrowsMessage<IoError>(testing::AllOf(HasSubstr("none.txt"), HasSubstr("No such file"))));
  EXPECT_THAT([&] { static_cast<void>(read_file(folder.path())); },
              ThrowsMessage<IoError>(HasSubstr("is a folder")));
  const std::string bytes("a\0b\n\xff", 5);
  write_file(folder / "bytes", bytes);
  EXPECT_EQ(read_file(folder / "bytes"), bytes);
}

}  // namespace
}  // namespace partita::io
