#include "partita/io/sha256.hpp"

#include <gtest/gtest.h>

#include "partita/io/atomic_file.hpp"
#include "partita/io/error.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

/// The vectors of FIPS 180-4's examples (NIST, SHA256.pdf and SHA2_Additional.pdf).
TEST(Sha256, StandardVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(sha256(std::string(1, '\xbd')),
            "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
}

/// Lengths about the ends of blocks; the hash of the hashes is from Python's hashlib.
TEST(Sha256, EveryLengthUpToThreeBlocks) {
  std::string hashes;
  for (std::size_t length = 0; length <= 192; ++length) hashes += sha256(std::string(length, 'x'));
  EXPECT_EQ(sha256(hashes), "60d791e3fe413c2c186fa59473d44ce5b19affb97254298b42d062c2a5ab891a");
}

TEST(Sha256, FilesAreStreamed) {
  const support::TemporaryFolder folder;
  const std::string bytes(700'001, 'q');  // several blocks of reading, and a part of one
  write_file(folder / "a", bytes);
  EXPECT_EQ(sha256_file(folder / "a"), sha256(bytes));
  EXPECT_THROW(static_cast<void>(sha256_file(folder / "none")), IoError);
  EXPECT_THROW(static_cast<void>(sha256_file(folder.path())), IoError);
}

}  // namespace
}  // namespace partita::io
