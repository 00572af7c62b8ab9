#include "partita/io/codec_weights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/io/atomic_file.hpp"
#include "partita/io/safetensors.hpp"
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

/// A home of its own.
class CodecWeights : public testing::Test {
 protected:
  TemporaryFolder folder_;
  Environment home_{"PARTITA_HOME", (folder_ / "home").string()};
  PublishedCodec codec_ = published_codec("encodec_24khz");
  /// A codec whose file is the text "weights".
  PublishedCodec other_{codec_.name, codec_.url, codec_.file, sha256("weights").substr(0, 8)};
};

TEST_F(CodecWeights, NamesOfFilesHoldTheirHashes) {
  for (const PublishedCodec& codec : published_codecs()) {
    EXPECT_EQ(codec.file, codec.name + "-" + codec.hash + ".th");
    EXPECT_EQ(codec.url.substr(codec.url.rfind('/') + 1), codec.file);
    EXPECT_TRUE(codec.url.starts_with("https://")) << codec.url;
    EXPECT_TRUE(is_published_codec(codec.name));
  }
  EXPECT_FALSE(is_published_codec("mel"));
  EXPECT_THAT([] { static_cast<void>(published_codec("vinyl")); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("'vinyl'"), HasSubstr("encodec_24khz, encodec_48khz"))));
}

TEST_F(CodecWeights, AbsentOnesSayHowToGetThem) {
  EXPECT_FALSE(find_codec_weights("encodec_48khz").has_value());
  EXPECT_THAT([] { static_cast<void>(codec_weights("encodec_48khz")); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("encodec_48khz-7e698e3e.th"),
                                           HasSubstr("'partita models fetch encodec_48khz'"))));
}

TEST_F(CodecWeights, WithoutAHomeThereAreNone) {
  const Environment partita_home("PARTITA_HOME", "");
  const Environment home("HOME", "");
  EXPECT_FALSE(find_codec_weights("encodec_24khz").has_value());
  EXPECT_THAT([] { static_cast<void>(codec_weights("encodec_24khz")); },
              ThrowsMessage<IoError>(HasSubstr("set PARTITA_HOME")));
}

TEST_F(CodecWeights, AreFoundInBothLayouts) {
  write_safetensors(codec_folder() / "encodec_24khz/model.safetensors", {{"x", torch::ones({1})}});
  EXPECT_EQ(codec_weights("encodec_24khz"), folder_ / "home/codecs/encodec_24khz/model.safetensors");
  write_file(codec_folder() / codec_.file, "weights");
  EXPECT_EQ(codec_weights("encodec_24khz"), folder_ / "home/codecs/encodec_24khz-d7cc33bc.th");
}

TEST_F(CodecWeights, CopiesAreInstalledWhole) {
  write_file(folder_ / "copy.th", "weights");
  const auto place = install_codec_weights(other_, folder_ / "copy.th");
  EXPECT_EQ(place, codec_weights("encodec_24khz"));
  EXPECT_EQ(read_file(place), "weights");
  EXPECT_TRUE(holds_codec_weights(other_, place));
  EXPECT_NO_THROW(verify_codec_weights(other_, place));
  EXPECT_NO_THROW(install_codec_weights(other_, place));  // onto itself
  EXPECT_EQ(read_file(place), "weights");
}

TEST_F(CodecWeights, SafetensorsAreInstalledUnderTheirOwnName) {
  write_safetensors(folder_ / "copy.safetensors", {{"x", torch::ones({1})}});
  const auto place = install_codec_weights(codec_, folder_ / "copy.safetensors");
  EXPECT_EQ(place, codec_folder() / "encodec_24khz/model.safetensors");
  EXPECT_EQ(codec_weights("encodec_24khz"), place);
  EXPECT_NO_THROW(verify_codec_weights(codec_, place));
  write_file(folder_ / "bad.safetensors", "weights");
  EXPECT_THROW(install_codec_weights(codec_, folder_ / "bad.safetensors"), IoError);
  EXPECT_NO_THROW(verify_codec_weights(codec_, place));
}

TEST_F(CodecWeights, OtherFilesAreRefused) {
  write_file(folder_ / "copy.th", "no weights");
  EXPECT_THAT([&] { install_codec_weights(other_, folder_ / "copy.th"); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("copy.th"), HasSubstr(sha256("no weights")),
                                           HasSubstr("begins with " + other_.hash))));
  EXPECT_THAT([&] { install_codec_weights(other_, folder_ / "none.th"); },
              ThrowsMessage<IoError>(HasSubstr("none.th")));
  EXPECT_FALSE(find_codec_weights("encodec_24khz").has_value());
  EXPECT_FALSE(holds_codec_weights(other_, folder_ / "copy.th"));
  EXPECT_FALSE(holds_codec_weights(other_, folder_ / "none.th"));
}

}  // namespace
}  // namespace partita::io
