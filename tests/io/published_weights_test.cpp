#include "partita/io/published_weights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/io/atomic_file.hpp"
#include "partita/io/safetensors.hpp"
#include "partita/io/sha256.hpp"
#include "support/environment.hpp"
#include "support/paths.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

using support::Environment;
using support::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// A home of its own.
class Published : public testing::Test {
 protected:
  TemporaryFolder folder_;
  Environment home_{"PARTITA_HOME", (folder_ / "home").string()};
  PublishedWeights codec_ = published("encodec_24khz");
  /// A codec whose file is the text "weights".
  PublishedWeights other_{codec_.name, codec_.kind, codec_.url, codec_.file, sha256("weights").substr(0, 8)};
};

TEST_F(Published, NamesOfFilesHoldTheirHashes) {
  for (const PublishedWeights& weights : published_weights()) {
    EXPECT_EQ(weights.file, weights.name + "-" + weights.hash + ".th");
    EXPECT_EQ(weights.url.substr(weights.url.rfind('/') + 1), weights.file);
    EXPECT_TRUE(weights.url.starts_with("https://")) << weights.url;
    EXPECT_TRUE(is_published(weights.name));
  }
  EXPECT_FALSE(is_published("mel"));
  EXPECT_THAT(
      [] { static_cast<void>(published("vinyl")); },
      ThrowsMessage<IoError>(AllOf(HasSubstr("'vinyl'"), HasSubstr("encodec_24khz, encodec_48khz, demucs"))));
}

TEST_F(Published, AbsentOnesSayHowToGetThem) {
  EXPECT_FALSE(find_weights("encodec_48khz").has_value());
  EXPECT_THAT([] { static_cast<void>(weights_file("encodec_48khz")); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("encodec_48khz-7e698e3e.th"),
                                           HasSubstr("'partita models fetch encodec_48khz'"))));
}

TEST_F(Published, WithoutAHomeThereAreNone) {
  const Environment partita_home("PARTITA_HOME", "");
  const Environment home("HOME", "");
  EXPECT_FALSE(find_weights("encodec_24khz").has_value());
  EXPECT_THAT([] { static_cast<void>(weights_file("encodec_24khz")); },
              ThrowsMessage<IoError>(HasSubstr("set PARTITA_HOME")));
}

TEST_F(Published, AreFoundInBothLayouts) {
  write_safetensors(weights_folder("codec") / "encodec_24khz/model.safetensors", {{"x", torch::ones({1})}});
  EXPECT_EQ(weights_file("encodec_24khz"), folder_ / "home/codecs/encodec_24khz/model.safetensors");
  write_file(weights_folder("codec") / codec_.file, "weights");
  EXPECT_EQ(weights_file("encodec_24khz"), folder_ / "home/codecs/encodec_24khz-d7cc33bc.th");
  write_file(weights_folder("demucs") / published("demucs").file, "weights");
  EXPECT_EQ(weights_file("demucs"), folder_ / "home/demucs/demucs-e07c671f.th");
}

TEST_F(Published, AreReadFromBothFormats) {
  write_safetensors(folder_ / "weights.safetensors", {{"x", torch::ones({2})}});
  EXPECT_TRUE(torch::equal(read_weights(folder_ / "weights.safetensors").at("x"), torch::ones({2})));
  EXPECT_FALSE(read_weights(support::golden_path("checkpoint_zip.pt")).empty());
}

TEST_F(Published, CopiesAreInstalledWhole) {
  write_file(folder_ / "copy.th", "weights");
  const auto place = install_weights(other_, folder_ / "copy.th");
  EXPECT_EQ(place, weights_file("encodec_24khz"));
  EXPECT_EQ(read_file(place), "weights");
  EXPECT_TRUE(holds_weights(other_, place));
  EXPECT_NO_THROW(verify_weights(other_, place));
  EXPECT_NO_THROW(install_weights(other_, place));  // onto itself
  EXPECT_EQ(read_file(place), "weights");
}

TEST_F(Published, SafetensorsAreInstalledUnderTheirOwnName) {
  write_safetensors(folder_ / "copy.safetensors", {{"x", torch::ones({1})}});
  const auto place = install_weights(codec_, folder_ / "copy.safetensors");
  EXPECT_EQ(place, weights_folder("codec") / "encodec_24khz/model.safetensors");
  EXPECT_EQ(weights_file("encodec_24khz"), place);
  EXPECT_NO_THROW(verify_weights(codec_, place));
  write_file(folder_ / "bad.safetensors", "weights");
  EXPECT_THROW(install_weights(codec_, folder_ / "bad.safetensors"), IoError);
  EXPECT_NO_THROW(verify_weights(codec_, place));
}

TEST_F(Published, OtherFilesAreRefused) {
  write_file(folder_ / "copy.th", "no weights");
  EXPECT_THAT([&] { install_weights(other_, folder_ / "copy.th"); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("copy.th"), HasSubstr(sha256("no weights")),
                                           HasSubstr("begins with " + other_.hash))));
  EXPECT_THAT([&] { install_weights(other_, folder_ / "none.th"); },
              ThrowsMessage<IoError>(HasSubstr("none.th")));
  EXPECT_FALSE(find_weights("encodec_24khz").has_value());
  EXPECT_FALSE(holds_weights(other_, folder_ / "copy.th"));
  EXPECT_FALSE(holds_weights(other_, folder_ / "none.th"));
}

}  // namespace
}  // namespace partita::io
