#include "partita/io/torch_checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "checkpoint_raw.hpp"
#include "partita/io/atomic_file.hpp"
#include "support/paths.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

using support::golden_path;
using support::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Without waiting for the disk, which tests of many files cannot afford.
void put_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

class TorchCheckpoint : public testing::TestWithParam<const char*> {};

/// As the generator writes them: "torch.float16 [5, 1] 0".
std::string layout(const torch::Tensor& tensor) {
  static const std::map<torch::Dtype, const char*> kNames = {
      {torch::kFloat64, "float64"},   {torch::kFloat32, "float32"}, {torch::kFloat16, "float16"},
      {torch::kBFloat16, "bfloat16"}, {torch::kInt64, "int64"},     {torch::kInt32, "int32"},
      {torch::kInt16, "int16"},       {torch::kInt8, "int8"},       {torch::kUInt8, "uint8"},
      {torch::kBool, "bool"}};
  return fmt::format("torch.{} [{}] {}", kNames.at(tensor.scalar_type()), fmt::join(tensor.strides(), ", "),
                     tensor.storage_offset());
}

TEST_P(TorchCheckpoint, HoldsWhatPyTorchSaved) {
  const SafetensorsFile expected(golden_path("checkpoint.safetensors"));
  const TensorMap found = read_torch_checkpoint(golden_path(GetParam()));
  ASSERT_EQ(found.size(), expected.entries().size());
  for (const auto& [name, tensor] : found) {
    ASSERT_TRUE(expected.contains(name)) << name;
    const torch::Tensor values = expected.tensor(name);
    EXPECT_EQ(layout(tensor), expected.metadata().at(name)) << name;
    ASSERT_EQ(tensor.sizes(), values.sizes()) << name;
    EXPECT_TRUE(torch::equal(tensor.to(values.scalar_type()), values)) << name;
  }
}

TEST_P(TorchCheckpoint, ViewsOfOneStorageShareIt) {
  const TensorMap found = read_torch_checkpoint(golden_path(GetParam()));
  const torch::Tensor whole = found.at("best_state.whole");
  EXPECT_EQ(found.at("best_state.transposed").data_ptr(), whole.data_ptr());
  EXPECT_EQ(found.at("best_state.row").data_ptr(), whole[3].data_ptr());
  EXPECT_NE(found.at("best_state.conv.bias").data_ptr(), whole.data_ptr());
}

/// Reads every tensor of what may be a broken file. Returns whether it loaded; any exception but IoError
/// fails the test.
bool loads(const std::filesystem::path& path) {
  try {
    for (const auto& [name, tensor] : read_torch_checkpoint(path)) {
      EXPECT_LE(tensor.numel(), 4096) << name;
      static_cast<void>(tensor.to(torch::kFloat64).sum().item<double>());
    }
    return true;
  } catch (const IoError&) {
    return false;
  }
}

TEST_P(TorchCheckpoint, NoTruncationLoads) {
  const TemporaryFolder folder;
  const std::string good = read_file(golden_path(GetParam()));
  for (std::size_t size = 0; size < good.size(); size += size < 100 ? 1 : 7) {
    put_bytes(folder / "a.pt", good.substr(0, size));
    EXPECT_FALSE(loads(folder / "a.pt")) << size << " of " << good.size() << " bytes";
  }
}

TEST_P(TorchCheckpoint, FlippedBytesLoadOrThrow) {
  const TemporaryFolder folder;
  const std::string good = read_file(golden_path(GetParam()));
  std::mt19937 random(20240501);
  for (int trial = 0; trial < 1500; ++trial) {
    std::string bytes = good;
    const auto flips = 1 + random() % 3;
    for (unsigned flip = 0; flip < flips; ++flip) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    }
    put_bytes(folder / "a.pt", bytes);
    static_cast<void>(loads(folder / "a.pt"));
  }
  put_bytes(folder / "a.pt", good);
  EXPECT_TRUE(loads(folder / "a.pt"));
}

INSTANTIATE_TEST_SUITE_P(Formats, TorchCheckpoint,
                         testing::Values("checkpoint_zip.pt", "checkpoint_legacy.pt"), [](const auto& each) {
                           return std::string(each.param).find("zip") != std::string::npos ? "Zip" : "Legacy";
                         });

/// A checkpoint of this pickled value and one storage '0' of six floats.
std::string archive(const std::string& value) {
  const std::vector<float> floats = {0, 1, 2, 3, 4, 5};
  const std::string data(reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float));
  return raw::zip({{"a/data.pkl", raw::pickle(value)}, {"a/data/0", data}});
}

TensorMap read(const std::string& bytes) {
  const TemporaryFolder folder;
  put_bytes(folder / "a.pt", bytes);
  return read_torch_checkpoint(folder / "a.pt");
}

void expect_refused(const std::string& bytes, const std::string& why) {
  EXPECT_THAT([&] { static_cast<void>(read(bytes)); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("a.pt'"), HasSubstr(why))));
}

const std::string& six() {
  static const std::string kStorage = raw::storage("FloatStorage", "0", 6);
  return kStorage;
}

TEST(TorchCheckpointTensors, AreViewsInsideOfTheirStorage) {
  const auto found = read(archive(raw::dictionary("x", raw::tensor(six(), 1, {2, 2}, {1, 3}))));
  EXPECT_TRUE(torch::equal(found.at("x"), torch::tensor({{1.0F, 4.0F}, {2.0F, 5.0F}})));
  EXPECT_EQ(read(archive(raw::dictionary("x", raw::tensor(six(), 9, {0, 7}, {1, 1})))).at("x").sizes(),
            (std::vector<std::int64_t>{0, 7}));
  EXPECT_EQ(read(archive(raw::dictionary("x", raw::tensor(six(), 5, {}, {})))).at("x").item<float>(), 5.0F);
}

TEST(TorchCheckpointTensors, OutsideOfTheirStorageAreRefused) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  const auto refused = [](std::int64_t offset, const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& strides, const std::string& why) {
    expect_refused(archive(raw::dictionary("x", raw::tensor(six(), offset, shape, strides))), why);
  };
  refused(0, {7}, {1}, "tensor 'x': it ends at element 6 of a storage of 6");
  refused(6, {}, {}, "ends at element 6");
  refused(1, {2, 3}, {3, 1}, "ends at element 6");
  refused(0, {7}, {0}, "its 7 elements overlap in a storage of 6");
  refused(0, {kHuge}, {0}, "overflows");
  refused(0, {kHuge, kHuge}, {0, 0}, "overflows");
  refused(0, {2}, {kHuge}, "ends at element");
  refused(kHuge, {3}, {kHuge}, "overflows");
  refused(0, {0, kHuge, kHuge}, {1, 1, 1}, "overflows");
  refused(-1, {2}, {1}, "whole numbers, 0 or more");
  refused(0, {-2}, {1}, "whole numbers, 0 or more");
  refused(0, {2}, {-1}, "whole numbers, 0 or more");
  refused(0, {2}, {1, 1}, "belong together");
  refused(0, std::vector<std::int64_t>(65, 1), std::vector<std::int64_t>(65, 1), "belong together");
}

TEST(TorchCheckpointTensors, OddStoragesAreRefused) {
  const auto refused = [](const std::string& storage, const std::string& why) {
    expect_refused(archive(raw::dictionary("x", raw::tensor(storage, 0, {1}, {1}))), why);
  };
  refused(raw::storage("FloatStorage", "0", 5), "storage '0' needs 20 bytes, its entry has 24");
  refused(raw::storage("FloatStorage", "0", std::int64_t{1} << 61), "elements");
  refused(raw::storage("FloatStorage", "0", -6), "has -6 elements");
  refused(raw::storage("FloatStorage", "1", 6), "it holds no 'a/data/1'");
  refused(raw::storage("FloatStorage", "../data.pkl", 6), "it holds no");
  refused(raw::storage("BoolStorage", "0", 24), "truth values");
  refused(raw::storage("ComplexFloatStorage", "0", 3), "'torch.ComplexFloatStorage'");
  refused(raw::integer(3), "its storage is an integer");
  refused(raw::text("0") + "Q", "no known identity");
  const std::string both = "}(" + raw::text("x") + raw::tensor(six(), 0, {1}, {1}) + raw::text("y") +
                           raw::tensor(raw::storage("IntStorage", "0", 6), 0, {1}, {1}) + "u";
  expect_refused(archive(both), "storage '0' is Int of 6 elements, elsewhere Float of 6");
}

TEST(TorchCheckpointPickle, NothingIsExecuted) {
  const std::string command = fmt::format("({}tR", raw::text("touch hacked"));
  for (const auto& [module, name] : std::vector<std::pair<std::string, std::string>>{
           {"os", "system"}, {"posix", "system"}, {"builtins", "eval"}, {"torch", "load"}, {"", ""}}) {
    expect_refused(archive(raw::dictionary("x", raw::global(module, name) + command)),
                   "it asks for '" + module + "." + name + "'");
  }
  EXPECT_FALSE(std::filesystem::exists("hacked"));
  // Objects with methods of their own, other protocols and everything that no checkpoint needs.
  for (const auto& opcode : std::vector<std::string>{"i", "o", "\x81", "\x82", "\x92", "\x93", "\x94", "P0\n",
                                                     "S'x'\n", "I1\n", "\x96"}) {
    expect_refused(archive(opcode), "is none that a checkpoint of tensors needs");
  }
  expect_refused(archive("\x80\x04"), "protocol 4");
}

TEST(TorchCheckpointPickle, BrokenOnesAreRefused) {
  const auto refused = [](const std::string& value, const std::string& why) {
    expect_refused(archive(value), why);
  };
  refused("", "takes a value that is not there");
  refused("t", "a mark that is not there");
  refused("(", "takes a value that is not there");
  refused("((}", "values left over");
  refused("}}", "values left over");
  refused("}a", "takes a value");
  refused(")Na", "adds to a tuple");
  refused("NNa", "expected a list, found None");
  refused("]NNs", "expected a dict, found a sequence");
  refused("}(Nu", "has no value");
  refused("NNb", "attributes");
  refused("N(R", "takes a value");
  refused("NNR", "it calls None with None");
  refused(raw::global("collections", "OrderedDict") + "]R",
          "it calls 'collections.OrderedDict' with a sequence");
  refused(raw::global("collections", "OrderedDict") + "(NtR", "with arguments");
  refused("h\x07", "refers to value 7");
  refused("j" + raw::u32(0xffffffff), "refers to value 4294967295");
  refused("Nr" + raw::u32(0xffffffff), "numbers a value 4294967295");
  refused("X" + raw::u32(0xffffffff), "cut off");
  refused("ccollections", "cut off");
  refused("\x8a\x09" + std::string(9, '\x01'), "an integer of 9 bytes");
  refused("\x8a\xff", "cut off");
  refused("N", "holds no tensors");
  refused(raw::dictionary("x", raw::text("y")), "holds no tensors");
}

TEST(TorchCheckpointPickle, HostileNestingsEnd) {
  // A dict within itself, and one whose names would double thirty times.
  expect_refused(archive("}q\x01" + raw::text("a") + "h\x01s"), "nested too deep");
  std::string doubled = "]";
  for (char level = 1; level < 31; ++level) {
    const std::string again = std::string("q") + level;
    doubled += again + "h" + level + "\x86";
  }
  expect_refused(archive(doubled), "values");
  expect_refused(archive(std::string(5'000'000, ')')), "more than 4000000 steps");
  expect_refused(archive(raw::dictionary(std::string(2000, 'x'), raw::tensor(six(), 0, {1}, {1}))),
                 "too long a name");
}

TEST(TorchCheckpointPickle, NamesAreUniqueTextsOrIntegers) {
  const std::string x = raw::tensor(six(), 0, {1}, {1});
  const auto found = read(archive("}(" + raw::integer(3) + x + raw::text("y") + "](" + x + x + "e" + "u"));
  EXPECT_EQ(found.size(), 3U);
  for (const char* name : {"3", "y.0", "y.1"}) EXPECT_EQ(found.count(name), 1U) << name;
  expect_refused(archive("}N" + x + "s"), "is None: expected a text or an integer");
  expect_refused(archive("}(" + raw::text("x") + x + raw::text("x") + x + "u"), "two tensors called 'x'");
  expect_refused(archive("}(" + raw::text("a.b") + x + raw::text("a") + raw::dictionary("b", x) + "u"),
                 "two tensors called 'a.b'");
}

TEST(TorchCheckpointFile, OtherFilesAreNamed) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { static_cast<void>(read_torch_checkpoint(folder / "none.pt")); },
              ThrowsMessage<IoError>(HasSubstr("none.pt")));
  EXPECT_THAT([&] { static_cast<void>(read_torch_checkpoint(folder.path())); },
              ThrowsMessage<IoError>(HasSubstr("is a folder")));
  expect_refused("", "is no PyTorch checkpoint");
  expect_refused("<html>404 not found</html>", "is no PyTorch checkpoint");
  expect_refused(raw::zip({{"a/b.txt", "x"}}), "it holds no 'data.pkl'");
  expect_refused(raw::zip({}), "it holds no 'data.pkl'");
  expect_refused(raw::zip({{"a/data.pkl", "N."}, {"b/data.pkl", "N."}}),
                 "both 'a/data.pkl' and 'b/data.pkl'");
  expect_refused(raw::zip({{"a/data.pkl", "N."}, {"a/constants.pkl", ""}}), "TorchScript");
  expect_refused(raw::zip({{"a/data.pkl", "N."}, {"a/byteorder", "big"}}), "not little-endian");
}

}  // namespace
}  // namespace partita::io
