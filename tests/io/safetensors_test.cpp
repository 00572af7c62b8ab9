#include "partita/io/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <random>

#include "partita/io/atomic_file.hpp"
#include "safetensors_raw.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

using support::TemporaryFolder;
using testing::HasSubstr;

TEST(Safetensors, RoundTripsEveryDtypeBitForBit) {
  const TemporaryFolder folder;
  const auto base = torch::arange(-12, 12, torch::kFloat32).reshape({2, 3, 4}) / 7;
  TensorMap tensors;
  for (const auto dtype : {torch::kFloat32, torch::kFloat16, torch::kBFloat16}) {
    tensors.emplace(std::string("real.") + c10::toString(dtype), base.to(dtype));
  }
  for (const auto dtype : {torch::kInt64, torch::kInt32, torch::kInt16, torch::kUInt8}) {
    tensors.emplace(std::string("whole.") + c10::toString(dtype), torch::arange(0, 200, dtype));
  }
  const StringMap metadata = {{"format", "pt"}, {"words", "\"quoted\"\n\xc3\xa9"}};
  write_safetensors(folder / "all.safetensors", tensors, metadata);
  const SafetensorsFile file(folder / "all.safetensors");
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.entries().size(), tensors.size());
  for (const auto& [name, expected] : tensors) {
    const auto found = file.tensor(name);
    EXPECT_EQ(found.scalar_type(), expected.scalar_type()) << name;
    EXPECT_EQ(found.sizes(), expected.sizes()) << name;
    EXPECT_TRUE(torch::equal(found, expected)) << name;
  }
}

TEST(Safetensors, KeepsNanAndInfinity) {
  const TemporaryFolder folder;
  const auto values = torch::tensor({NAN, INFINITY, -INFINITY, -0.0F});
  write_safetensors(folder / "a.safetensors", {{"x", values}});
  const auto found = SafetensorsFile(folder / "a.safetensors").tensor("x");
  EXPECT_TRUE(torch::equal(found.view(torch::kInt32), values.view(torch::kInt32)));
}

TEST(Safetensors, ScalarsEmptyTensorsAndStrides) {
  const TemporaryFolder folder;
  const auto matrix = torch::arange(12, torch::kFloat32).reshape({3, 4});
  const TensorMap tensors = {{"scalar", torch::tensor(2.5F)},
                             {"empty", torch::empty({0, 3})},
                             {"late_zero", torch::empty({5, 0})},
                             {"transposed", matrix.t()},
                             {"every_second", matrix.slice(1, 0, 4, 2)},
                             {"gradient", matrix.clone().requires_grad_()}};
  write_safetensors(folder / "a.safetensors", tensors);
  const auto found = SafetensorsFile(folder / "a.safetensors").tensors();
  ASSERT_EQ(found.size(), tensors.size());
  for (const auto& [name, expected] : tensors) {
    EXPECT_EQ(found.at(name).sizes(), expected.sizes()) << name;
    EXPECT_TRUE(torch::equal(found.at(name), expected)) << name;
  }
  EXPECT_FALSE(found.at("gradient").requires_grad());
}

TEST(Safetensors, FilesWithoutTensorsAreValid) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", {});
  EXPECT_TRUE(SafetensorsFile(folder / "a.safetensors").entries().empty());
  write_file(folder / "b.safetensors", raw_safetensors("{}"));
  EXPECT_TRUE(SafetensorsFile(folder / "b.safetensors").entries().empty());
}

TEST(Safetensors, MisalignedDataAreCopiedIntoPlace) {
  const TemporaryFolder folder;
  const auto odd = torch::arange(3, torch::kUInt8);
  const auto real = torch::tensor({1.5F, -2.0F});
  write_safetensors(folder / "a.safetensors", {{"a", odd}, {"b", real}});  // b begins at byte 3 of the data
  const SafetensorsFile file(folder / "a.safetensors");
  EXPECT_EQ(file.entries().at("b").begin, 3U);
  const auto found = file.tensor("b");
  EXPECT_EQ(std::bit_cast<std::uintptr_t>(found.data_ptr()) % alignof(float), 0U);
  EXPECT_TRUE(torch::equal(found, real));
}

TEST(Safetensors, HeaderIsPaddedAndBytesAreReproduced) {
  const TemporaryFolder folder;
  const TensorMap tensors = {{"b", torch::ones({2})}, {"a", torch::zeros({1})}};
  write_safetensors(folder / "1.safetensors", tensors, {{"k", "v"}});
  write_safetensors(folder / "2.safetensors", tensors, {{"k", "v"}});
  const std::string bytes = read_file(folder / "1.safetensors");
  EXPECT_EQ(bytes, read_file(folder / "2.safetensors"));
  EXPECT_EQ((bytes.size() - 3 * sizeof(float)) % 8, 0U);
  EXPECT_LT(bytes.find("\"a\""), bytes.find("\"b\""));
}

TEST(Safetensors, TensorOutlivesTheFile) {
  const TemporaryFolder folder;
  const auto values = torch::arange(1000, torch::kFloat32);
  write_safetensors(folder / "a.safetensors", {{"x", values}});
  const auto found = SafetensorsFile(folder / "a.safetensors").tensor("x");
  std::filesystem::remove(folder / "a.safetensors");
  EXPECT_TRUE(torch::equal(found, values));
}

TEST(Safetensors, PrefixesAndUnknownNames) {
  const TemporaryFolder folder;
  write_safetensors(
      folder / "a.safetensors",
      {{"net.x", torch::ones({1})}, {"net.y", torch::ones({1})}, {"network", torch::ones({1})}});
  const SafetensorsFile file(folder / "a.safetensors");
  EXPECT_EQ(file.tensors("net.").size(), 2U);
  EXPECT_EQ(file.tensors("net.").count("x"), 1U);
  EXPECT_TRUE(file.contains("network"));
  EXPECT_THAT([&] { static_cast<void>(file.tensor("z")); },
              testing::ThrowsMessage<IoError>(HasSubstr("no tensor 'z'")));
}

TEST(Safetensors, WriterRefusesWhatItCannotHold) {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  EXPECT_THROW(write_safetensors(path, {{"x", torch::ones({2}, torch::kFloat64)}}), IoError);
  EXPECT_THROW(write_safetensors(path, {{"x", torch::Tensor()}}), IoError);
  EXPECT_THROW(write_safetensors(path, {{"__metadata__", torch::ones({2})}}), IoError);
  EXPECT_THROW(write_safetensors(path, {{"bad\xff", torch::ones({2})}}), IoError);
  EXPECT_THROW(write_safetensors(path, {{"x", torch::ones({2}).to_sparse()}}), IoError);
  EXPECT_TRUE(folder.entries().empty());
}

struct Fault {
  const char* name;
  std::string bytes;
  const char* message;
};

std::string one(const std::string& entry, std::string_view data = "12345678") {
  return raw_safetensors("{\"x\":" + entry + "}", data);
}

std::string two(const std::string& first, const std::string& second) {
  const std::string start = R"("dtype":"U8","shape":[4],"data_offsets":)";
  return raw_safetensors("{\"x\":{" + start + first + "},\"y\":{" + start + second + "}}", "12345678");
}

std::string ones(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += ",1";
  return text;
}

std::vector<Fault> faults() {
  const std::string good = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  const std::string whole = one(good);
  return {
      {"NoBytes", "", "0 bytes"},
      {"SevenBytes", "1234567", "7 bytes"},
      {"TextFile", "this is only text, as it comes", "header should be"},
      {"HeaderBeyondTheEnd", raw_safetensors("{}", "", 3), "header should be 3 bytes"},
      {"AbsurdLength", raw_safetensors("{}", "", 200'000'000), "header should be 200000000"},
      {"OverflowingLength", raw_safetensors("{}", "", ~std::uint64_t{0}), "header should be"},
      {"NoHeader", raw_safetensors(""), "not JSON"},
      {"NotJson", raw_safetensors("{\"x\":"), "not JSON"},
      {"TextAfterJson", raw_safetensors("{} x"), "not JSON"},
      {"NotUtf8", raw_safetensors("{\"\xff\":1}"), "not JSON"},
      {"Array", raw_safetensors("[]"), "no object"},
      {"Number", raw_safetensors("12"), "no object"},
      {"DuplicateName", raw_safetensors("{\"x\":" + good + ",\"x\":" + good + "}", "12345678"),
       "'x' stands twice"},
      {"DuplicateField", one(R"({"dtype":"F32","dtype":"U8","shape":[2],"data_offsets":[0,8]})"),
       "stands twice"},
      {"EntryNoObject", one("3"), "entry of tensor 'x'"},
      {"NoDtype", one(R"({"shape":[2],"data_offsets":[0,8]})"), "no dtype"},
      {"NoShape", one(R"({"dtype":"F32","data_offsets":[0,8]})"), "no shape"},
      {"NoOffsets", one(R"({"dtype":"F32","shape":[2]})"), "no data_offsets"},
      {"DtypeNoString", one(R"({"dtype":4,"shape":[2],"data_offsets":[0,8]})"), "dtype of tensor 'x'"},
      {"DtypeUnknown", one(R"({"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]})"), "F8_E4M3"},
      {"ShapeNoArray", one(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), "shape of tensor 'x'"},
      {"ShapeNegative", one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), "holds -2"},
      {"ShapeFraction", one(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), "holds 2.0"},
      {"ShapeHuge", one(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]})"),
       "overflows"},
      {"ShapeOverflow", one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
       "overflows"},
      {"ShapeOverflowToSize",
       one(R"({"dtype":"F32","shape":[9223372036854775807,9223372036854775807,2],"data_offsets":[0,8]})"),
       "overflows"},
      {"EmptyShapeOverflow",
       one(R"({"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})", ""), "overflows"},
      {"TooManyDimensions", one(R"({"dtype":"U8","shape":[1)" + ones(70) + R"(],"data_offsets":[0,1]})", "1"),
       "71 dimensions"},
      {"OffsetsNoArray", one(R"({"dtype":"F32","shape":[2],"data_offsets":8})"),
       "data_offsets of tensor 'x'"},
      {"OffsetsThree", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})"),
       "data_offsets of tensor 'x'"},
      {"OffsetsNegative", one(R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})"),
       "data_offsets of tensor 'x'"},
      {"OffsetsReversed", one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), "reversed"},
      {"OffsetsBeyondTheEnd", one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})"), "ends at byte 12"},
      {"OffsetsAgainstShape", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})"), "needs 4 bytes"},
      {"OffsetsOfAnEmptyOne", one(R"({"dtype":"F32","shape":[0],"data_offsets":[0,8]})"), "needs 0 bytes"},
      {"Overlap", two("[0,4]", "[2,6]"), "overlaps"},
      {"SameData", two("[0,4]", "[0,4]"), "overlaps"},
      {"Gap", two("[0,4]", "[5,9]") + "9", "1 bytes before tensor 'y'"},
      {"GapBefore", one(R"({"dtype":"U8","shape":[4],"data_offsets":[4,8]})"), "4 bytes before tensor 'x'"},
      {"TrailingBytes", whole + "9", "1 bytes after the last tensor"},
      {"CutOff", whole.substr(0, whole.size() - 1), "ends at byte 8"},
      {"MetadataNoObject", raw_safetensors(R"({"__metadata__":3})"), "__metadata__ is no object"},
      {"MetadataNoString", raw_safetensors(R"({"__metadata__":{"k":1}})"), "__metadata__ key 'k'"},
  };
}

class SafetensorsFault : public testing::TestWithParam<Fault> {};

TEST_P(SafetensorsFault, IsRefusedWithAClearMessage) {
  const TemporaryFolder folder;
  const auto path = folder / "bad.safetensors";
  write_file(path, GetParam().bytes);
  EXPECT_THAT([&] { SafetensorsFile file(path); },
              testing::ThrowsMessage<IoError>(
                  testing::AllOf(HasSubstr(path.string()), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(Header, SafetensorsFault, testing::ValuesIn(faults()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Safetensors, MissingFilesAndFoldersAreNamed) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { SafetensorsFile file(folder / "none.safetensors"); },
              testing::ThrowsMessage<IoError>(HasSubstr("none.safetensors")));
  EXPECT_THAT([&] { SafetensorsFile file(folder.path()); },
              testing::ThrowsMessage<IoError>(HasSubstr("is a folder")));
}

/// Reads every tensor of what may be a broken file. Returns whether it loaded; any exception
/// but IoError fails the test.
bool loads(const std::filesystem::path& path) {
  try {
    for (const auto& [name, tensor] : SafetensorsFile(path).tensors()) {
      EXPECT_LE(tensor.nbytes(), 4096U) << name;
      static_cast<void>(tensor.to(torch::kFloat32).sum().item<float>());
    }
    return true;
  } catch (const IoError&) {
    return false;
  }
}

TEST(Safetensors, FlippedBytesAndTruncationsLoadOrThrow) {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  write_safetensors(path,
                    {{"layer.weight", torch::ones({3, 5})},
                     {"layer.half", torch::ones({7}, torch::kFloat16)},
                     {"layer.count", torch::tensor(3, torch::kInt64)}},
                    {{"format", "pt"}});
  const std::string good = read_file(path);
  std::mt19937 random(20240501);
  int refused = 0;
  const auto attempt = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    refused += loads(path) ? 0 : 1;
  };
  for (std::size_t size = 0; size < good.size(); ++size) attempt(good.substr(0, size));
  EXPECT_EQ(refused, static_cast<int>(good.size()));  // no truncation is a valid file
  for (int trial = 0; trial < 2000; ++trial) {
    std::string bytes = good;
    const auto flips = 1 + random() % 3;
    for (unsigned flip = 0; flip < flips; ++flip)
      bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    attempt(bytes);
  }
  attempt(good);
  EXPECT_TRUE(loads(path));
}

}  // namespace
}  // namespace partita::io
