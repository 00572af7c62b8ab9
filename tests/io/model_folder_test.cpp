#include "partita/io/model_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "partita/io/atomic_file.hpp"
#include "partita/io/sha256.hpp"
#include "support/environment.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

using support::Environment;
using support::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr const char* kCard = "kind = \"decomposition\"\nname = \"drums-bass\"\n";

void write_model(const std::filesystem::path& folder, const std::string& card = kCard) {
  write_model_folder(folder, card, {{"x", torch::arange(8, torch::kFloat32)}});
}

TEST(ModelFolder, IsWrittenAndRead) {
  const TemporaryFolder folder;
  write_model(folder / "model");
  const ModelFolder model(folder / "model/");
  EXPECT_EQ(model.name(), "drums-bass");
  EXPECT_EQ(model.kind(), "decomposition");
  EXPECT_TRUE(torch::equal(model.weights().tensor("x"), torch::arange(8, torch::kFloat32)));
  EXPECT_EQ(model.card().table("files").get<std::string>("model.safetensors"),
            sha256_file(folder / "model/model.safetensors"));
  EXPECT_NO_THROW(model.card().finish());
  EXPECT_EQ(folder.entries().size(), 3U);  // the folder and its two files
}

TEST(ModelFolder, TakesItsFoldersNameWithoutOneOfItsOwn) {
  const TemporaryFolder folder;
  write_model(folder / "plain", "kind = \"codec\"");
  EXPECT_EQ(ModelFolder(folder / "plain/").name(), "plain");
  write_model(folder / "none", "name = \"x\"");
  EXPECT_THROW(static_cast<void>(ModelFolder(folder / "none").kind()), IoError);
}

TEST(ModelFolder, IsReplacedWhole) {
  const TemporaryFolder folder;
  write_model(folder / "m");
  write_model_folder(folder / "m", "kind = \"prior\"\n", {{"y", torch::ones({2})}});
  const ModelFolder model(folder / "m");
  EXPECT_EQ(model.kind(), "prior");
  EXPECT_TRUE(model.weights().contains("y"));
}

TEST(ModelFolder, NothingOfAnotherModelRemainsButWhatWasNotItsOwn) {
  const TemporaryFolder folder;
  const TensorMap some{{"x", torch::ones({2})}};
  write_model_folder(folder / "m", kCard, {{"model.safetensors", some}, {"prior.safetensors", some}});
  write_file(folder / "m" / "notes.txt", "mine");
  write_file(folder / "outside.txt", "mine");
  write_file(folder / "m" / "model.toml",
             io::read_file(folder / "m" / "model.toml") + "\"../outside.txt\" = \"0\"\n");
  write_model(folder / "m");
  EXPECT_FALSE(std::filesystem::exists(folder / "m" / "prior.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(folder / "m" / "notes.txt"));
  EXPECT_TRUE(std::filesystem::exists(folder / "outside.txt"));
  EXPECT_NO_THROW(ModelFolder(folder / "m"));
}

TEST(ModelFolder, AFlippedByteAnywhereIsNoticed) {
  const TemporaryFolder folder;
  write_model(folder / "m");
  const auto path = folder / "m/model.safetensors";
  const std::string good = read_file(path);
  for (std::size_t position = 0; position < good.size(); position += 5) {
    std::string bytes = good;
    bytes[position] ^= 1;
    write_file(path, bytes);
    EXPECT_THAT([&] { ModelFolder model(folder / "m"); },
                ThrowsMessage<IoError>(AllOf(HasSubstr(path.string()), HasSubstr("is damaged"),
                                             HasSubstr(sha256(bytes)), HasSubstr(sha256(good)))));
  }
  write_file(path, good);
  EXPECT_NO_THROW(ModelFolder(folder / "m"));
}

TEST(ModelFolder, MissingPartsAreNamed) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { ModelFolder model(folder / "none"); }, ThrowsMessage<IoError>(HasSubstr("none")));
  EXPECT_THAT([&] { ModelFolder model(folder.path()); }, ThrowsMessage<IoError>(HasSubstr("model.toml")));
  write_model(folder / "m");
  std::filesystem::remove(folder / "m/model.safetensors");
  EXPECT_THAT([&] { ModelFolder model(folder / "m"); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("model.safetensors"), HasSubstr("is missing"))));
  write_file(folder / "bad/model.toml", "kind = \n");
  EXPECT_THAT([&] { ModelFolder model(folder / "bad"); }, ThrowsMessage<IoError>(HasSubstr("line 1")));
}

TEST(ModelFolder, ReadsOnlyListedFilesOfItsOwn) {
  const TemporaryFolder folder;
  write_model(folder / "m");
  const ModelFolder model(folder / "m");
  EXPECT_THAT([&] { static_cast<void>(model.weights("other.safetensors")); },
              ThrowsMessage<IoError>(HasSubstr("does not list 'other.safetensors'")));
  write_file(folder / "secret", "x");
  write_file(folder / "bad/model.toml", "[files]\n\"../secret\" = \"" + sha256("x") + "\"\n");
  EXPECT_THAT([&] { ModelFolder bad(folder / "bad"); }, ThrowsMessage<IoError>(HasSubstr("'../secret'")));
  write_file(folder / "odd/model.toml", "[files]\nweights = 3\n");
  EXPECT_THAT([&] { ModelFolder odd(folder / "odd"); }, ThrowsMessage<IoError>(HasSubstr("'files.weights'")));
}

TEST(ModelFolder, WriterRefusesBrokenCards) {
  const TemporaryFolder folder;
  EXPECT_THROW(write_model(folder / "m", "kind = \n"), IoError);
  EXPECT_THROW(write_model(folder / "m", "[files]\na = \"b\"\n"), IoError);
  EXPECT_FALSE(std::filesystem::exists(folder / "m/model.toml"));
}

TEST(FindModel, ByPathOrByNameOnTheSearchPath) {
  const TemporaryFolder folder;
  const Environment home("PARTITA_HOME", folder.path().string());
  write_model(folder / "models/test-first-model");
  write_model(folder / "models/test-second-model");
  write_model(folder / "elsewhere/third");
  std::filesystem::create_directories(folder / "models/test-no-model");
  EXPECT_EQ(model_search_path().front(), std::filesystem::weakly_canonical(folder / "models"));
  EXPECT_EQ(find_model("test-first-model").filename(), "test-first-model");
  EXPECT_EQ(find_model((folder / "elsewhere/third/").string()), folder / "elsewhere/third");
  EXPECT_THAT([] { static_cast<void>(find_model("test-no-model")); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("'test-no-model'"), HasSubstr("test-first-model"),
                                           HasSubstr("test-second-model"))));
  EXPECT_THROW(static_cast<void>(find_model((folder / "elsewhere").string())), IoError);
  EXPECT_THROW(static_cast<void>(find_model("")), IoError);
}

TEST(ListModels, HoldsEachNameOnce) {
  const TemporaryFolder folder;
  const Environment home("PARTITA_HOME", folder.path().string());
  write_model(folder / "models/test-first-model");
  std::vector<std::string> names;
  for (const auto& model : list_models()) names.push_back(model.filename().string());
  EXPECT_EQ(std::count(names.begin(), names.end(), "test-first-model"), 1);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

}  // namespace
}  // namespace partita::io
