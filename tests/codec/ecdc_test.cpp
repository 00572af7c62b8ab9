#include "partita/codec/ecdc.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "partita/io/atomic_file.hpp"
#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"
#include "support/temporary_folder.hpp"

namespace partita::codec {
namespace {

using support::golden_path;
using support::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// What the generator put into a file.
EcdcFile expected_file(const std::string& name) {
  const io::SafetensorsFile tensors(golden_path("ecdc.safetensors"));
  const auto header = nlohmann::json::parse(tensors.metadata().at(name));
  EcdcFile file{{header["m"], header["al"], header["nc"]}, {}};
  for (std::size_t i = 0; tensors.contains(fmt::format("{}/{}/codes", name, i)); ++i) {
    EcdcFrame& frame = file.frames.emplace_back();
    frame.codes = tensors.tensor(fmt::format("{}/{}/codes", name, i));
    const std::string scale = fmt::format("{}/{}/scale", name, i);
    if (tensors.contains(scale)) frame.scale = tensors.tensor(scale).item<float>();
  }
  return file;
}

class Ecdc : public testing::TestWithParam<const char*> {
 protected:
  std::string name_ = GetParam();
  std::filesystem::path path_ = golden_path(fmt::format("ecdc_{}.ecdc", name_));
  TemporaryFolder folder_;
};

TEST_P(Ecdc, ReadsWhatTheOfficialToolWrites) {
  const EcdcFile expected = expected_file(name_);
  const EcdcFile found = read_ecdc(path_);
  EXPECT_EQ(found.header.model, expected.header.model);
  EXPECT_EQ(found.header.audio_length, expected.header.audio_length);
  EXPECT_EQ(found.header.codebooks, expected.header.codebooks);
  ASSERT_GE(found.frames.size(), 1U);
  ASSERT_EQ(found.frames.size(), expected.frames.size());
  for (std::size_t i = 0; i < found.frames.size(); ++i) {
    EXPECT_TRUE(torch::equal(found.frames[i].codes, expected.frames[i].codes)) << i;
    EXPECT_EQ(found.frames[i].scale, expected.frames[i].scale) << i;
  }
}

TEST_P(Ecdc, WritesTheSameBytes) {
  write_ecdc(folder_ / "a.ecdc", expected_file(name_));
  EXPECT_TRUE(io::read_file(folder_ / "a.ecdc") == io::read_file(path_));
}

/// Whether it could be read; any exception but CodecError fails the test.
bool reads(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  try {
    for (const EcdcFrame& frame : read_ecdc(path).frames) {
      EXPECT_TRUE(frame.codes.ge(0).logical_and(frame.codes.lt(1024)).all().item<bool>());
    }
    return true;
  } catch (const CodecError&) {
    return false;
  }
}

TEST_P(Ecdc, NoTruncationIsRead) {
  const std::string good = io::read_file(path_);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(reads(folder_ / "a.ecdc", good.substr(0, size))) << size;
  }
  EXPECT_FALSE(reads(folder_ / "a.ecdc", good + "x"));
  EXPECT_TRUE(reads(folder_ / "a.ecdc", good));
}

TEST_P(Ecdc, FlippedBytesAreReadOrRefused) {
  const std::string good = io::read_file(path_);
  std::mt19937 random(20240501);
  int refused = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    std::string bytes = good;
    // Half of them in the header, where it hurts.
    const std::size_t range = trial % 2 == 0 ? 70 : bytes.size();
    bytes[random() % range] ^= static_cast<char>(1 + random() % 255);
    refused += reads(folder_ / "a.ecdc", bytes) ? 0 : 1;
  }
  EXPECT_GE(refused, 100);
}

INSTANTIATE_TEST_SUITE_P(Files, Ecdc, testing::Values("24khz", "24khz_odd", "48khz", "48khz_exact"),
                         [](const auto& each) { return std::string(each.param); });

/// An .ecdc file with this header, and zeros for codes.
std::string with_header(const std::string& header, std::size_t zeros = 20) {
  return fmt::format("ECDC{}{}{}", std::string(4, '\0'), static_cast<char>(header.size()), header) +
         std::string(zeros, '\0');
}

TEST(EcdcHeader, FaultsAreNamed) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& bytes, const std::string& why) {
    io::write_file(folder / "a.ecdc", bytes);
    EXPECT_THAT([&] { static_cast<void>(read_ecdc(folder / "a.ecdc")); },
                ThrowsMessage<CodecError>(HasSubstr(why)));
  };
  refused("", "does not begin with 'ECDC'");
  refused("RIFF....WAVE", "does not begin with 'ECDC'");
  refused("ECDC", "5 bytes are missing");
  refused("ECDC\x01" + std::string(4, '\0'), "version 1: expected 0");
  refused(fmt::format("ECDC{}\xff\xff\xff\xff", '\0'), "4294967295 bytes long");
  refused(with_header("{"), "no JSON object");
  refused(with_header("[1, 2]"), "no JSON object");
  refused(with_header(R"({"m": "encodec_24khz", "al": 320, "nc": 1})"), "no JSON object");
  refused(with_header(R"({"m": 3, "al": 320, "nc": 1, "lm": false})"), "no JSON object");
  refused(with_header(R"({"m": "encodec_24khz", "al": 320.5, "nc": 1, "lm": false})"), "no JSON object");
  refused(with_header(R"({"m": "encodec_24khz", "al": 320, "nc": 1, "lm": true})"), "language model");
  refused(with_header(R"({"m": "encodec_8khz", "al": 320, "nc": 1, "lm": false})"),
          "'encodec_8khz' is unknown");
  refused(with_header(R"({"m": "encodec_24khz", "al": 0, "nc": 1, "lm": false})"), "0 samples");
  refused(with_header(R"({"m": "encodec_24khz", "al": -5, "nc": 1, "lm": false})"), "-5 samples");
  refused(with_header(R"({"m": "encodec_24khz", "al": 18446744073709551615, "nc": 1, "lm": false})"),
          "samples");
  refused(with_header(R"({"m": "encodec_24khz", "al": 200000000000, "nc": 1, "lm": false})"), "too few");
  refused(with_header(R"({"m": "encodec_24khz", "al": 320, "nc": 33, "lm": false})"), "33 codebooks");
  refused(with_header(R"({"m": "encodec_48khz", "al": 320, "nc": 0, "lm": false})"), "0 codebooks");
  refused(with_header(R"({"m": "encodec_24khz", "al": 320, "nc": 1, "lm": false})"),
          "18 bytes after the last code");
  refused(with_header(R"({"m": "encodec_48khz", "al": 1, "nc": 1, "lm": false})", 0) + "\x7f\xc0" + "    ",
          "the scale nan");
  EXPECT_THROW(static_cast<void>(read_ecdc(folder / "none.ecdc")), io::IoError);
}

TEST(EcdcWriter, RefusesContradictions) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name, const auto& spoil, const std::string& why) {
    EcdcFile file = expected_file(name);
    spoil(file);
    EXPECT_THAT([&] { write_ecdc(folder / "a.ecdc", file); }, ThrowsMessage<CodecError>(HasSubstr(why)));
    EXPECT_FALSE(std::filesystem::exists(folder / "a.ecdc"));
  };
  refused(
      "24khz", [](EcdcFile& file) { file.header.model = "mp3"; }, "'mp3' is unknown");
  refused(
      "24khz", [](EcdcFile& file) { file.header.audio_length = 0; }, "0 samples");
  refused(
      "24khz", [](EcdcFile& file) { file.header.audio_length = 320; }, "expected int64 codes [8, 1]");
  refused(
      "24khz", [](EcdcFile& file) { file.header.codebooks = 64; }, "64 codebooks");
  refused(
      "24khz", [](EcdcFile& file) { file.frames[0].scale = 1.0F; }, "have no scale");
  refused(
      "24khz", [](EcdcFile& file) { file.frames[0].codes = torch::Tensor(); }, "expected int64 codes");
  refused(
      "48khz", [](EcdcFile& file) { file.frames[0].scale.reset(); }, "have a scale");
  refused(
      "48khz", [](EcdcFile& file) { file.frames.pop_back(); }, "expected 3 frames");
  refused(
      "48khz", [](EcdcFile& file) { file.frames[0].codes = file.frames[0].codes.to(torch::kInt32); },
      "int64");
  for (const int code : {-1, 1024}) {
    refused(
        "48khz",
        [&](EcdcFile& file) {
          file.frames[1].codes = file.frames[1].codes.clone();
          file.frames[1].codes[0][0] = code;
        },
        "frame 1: expected int64 codes");
  }
}

}  // namespace
}  // namespace partita::codec
