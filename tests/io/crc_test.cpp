#include "../../src/io/crc.hpp"

#include <gtest/gtest.h>

#include <string>

namespace partita::io {
namespace {

TEST(Crc, AgreesWithPublishedValues) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);  // the check value of CRC-32/ISO-HDLC
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414fa339U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);            // of CRC-32/ISCSI
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720, B.4
}

}  // namespace
}  // namespace partita::io
