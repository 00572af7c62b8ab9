#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "partita/codec/encodec.hpp"
#include "partita/io/published_weights.hpp"
#include "support/encodec_weights.hpp"
#include "support/environment.hpp"
#include "support/signals.hpp"
#include "support/temporary_folder.hpp"

namespace partita::codec {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class LoadEncodec : public ::testing::Test {
 protected:
  support::TemporaryFolder folder_;
  support::Environment home_{"PARTITA_HOME", folder_.path().string()};
};

TEST_F(LoadEncodec, MissingWeightsSayHowToFetchThem) {
  EXPECT_THAT([] { (void)make_codec("encodec_24khz"); },
              ThrowsMessage<io::IoError>(HasSubstr("partita models fetch encodec_24khz")));
}

TEST_F(LoadEncodec, NamesThatDoNotExist) {
  EXPECT_THAT([] { (void)make_codec("encodec_32khz"); },
              ThrowsMessage<CodecError>(HasSubstr("encodec_24khz or encodec_48khz")));
  EXPECT_THAT([] { (void)make_codec("encodec_24khz@7"); },
              ThrowsMessage<CodecError>(AllOf(HasSubstr("7 kbit/s"), HasSubstr("1.5, 3, 6, 12, 24"))));
  for (const char* name : {"encodec_24khz@", "encodec_24khz@six", "encodec_24khz@6k", "encodec_24khz@-6"}) {
    EXPECT_THAT([&] { (void)make_codec(name); }, ThrowsMessage<CodecError>(HasSubstr("bandwidth"))) << name;
  }
}

TEST_F(LoadEncodec, TheHomeFoldersWeightsAreUsed) {
  const fs::path file = folder_ / "codecs" / "encodec_24khz" / "model.safetensors";
  fs::create_directories(file.parent_path());
  io::write_safetensors(file, support::encodec_weights("encodec_24khz", "full"));
  const auto codec = make_codec("encodec_24khz@1.5");
  EXPECT_EQ(codec->name(), "encodec_24khz@1.5");
  EXPECT_EQ(codec->bit_rate(), 1.5);
  EXPECT_EQ(codec->latent_dim(), 128);
  EXPECT_EQ(codec->encode(support::noisy_signal(1, 641)).size(2), 3);
  // The 48 kHz model has other layers.
  EXPECT_THAT([&] { (void)load_encodec("encodec_48khz", torch::kCPU, file); },
              ThrowsMessage<Error>(AllOf(HasSubstr("model.safetensors"), HasSubstr("encodec_48khz"))));
  // Cut off.
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_THAT([] { (void)make_codec("encodec_24khz"); },
              ThrowsMessage<io::IoError>(HasSubstr("model.safetensors")));
}

TEST_F(LoadEncodec, FilesThatAreNoWeights) {
  for (const char* name : {"a.safetensors", "a.th"}) {
    std::ofstream(folder_ / name) << "no weights";
    EXPECT_THAT([&] { (void)load_encodec("encodec_24khz", torch::kCPU, folder_ / name); },
                ThrowsMessage<io::IoError>(HasSubstr(name)));
  }
}

/// With the weights that Meta has published, where they were fetched.
TEST(PublishedEncodec, MusicComesBack) {
  for (const char* name : {"encodec_24khz", "encodec_48khz"}) {
    const auto weights = io::find_weights(name);
    if (!weights) GTEST_SKIP() << "run 'partita models fetch " << name << "' to test with its weights";
    const auto codec = load_encodec(name);
    const torch::Tensor mono =
        support::drums_like(4.0, codec->sample_rate()) + support::bass_like(4.0, codec->sample_rate());
    const torch::Tensor song = mono.expand({1, codec->channels(), -1}).contiguous();
    const torch::Tensor back = codec->decode_frames(codec->encode_frames(song)).narrow(2, 0, song.size(2));
    const double error = (back - song).square().sum().item<double>() / song.square().sum().item<double>();
    EXPECT_LT(error, 0.3) << name;  // at the highest bandwidth; untrained weights give 1 and more
  }
}

}  // namespace
}  // namespace partita::codec
