#include "partita/codec/transcode.hpp"

#include <gtest/gtest.h>

#include "partita/audio/resample.hpp"
#include "support/encodec_weights.hpp"
#include "support/signals.hpp"
#include "support/temporary_folder.hpp"

namespace partita::codec {
namespace {

namespace fs = std::filesystem;

class Transcode : public ::testing::TestWithParam<const char*> {
 protected:
  /// A stereo song of another rate than either model's.
  [[nodiscard]] fs::path write_song(double seconds) const {
    const torch::Tensor drums = support::drums_like(seconds, 44100);
    const torch::Tensor samples = torch::stack({drums, 0.5 * drums + support::bass_like(seconds, 44100)});
    audio::write_waveform(folder_ / "song.wav", {samples, 44100}, audio::Container::Wav,
                          audio::SampleFormat::Float32);
    return folder_ / "song.wav";
  }

  support::TemporaryFolder folder_;
  Progress progress_;
};

TEST_P(Transcode, FilesHoldWhatTheCodecMakes) {
  const Encodec codec = support::random_encodec(GetParam(), "small", 6.0);
  const fs::path song = write_song(11.3);
  const Transcoded encoded = encode_file(codec, song, folder_ / "song.ecdc", progress_);
  const EcdcFile codes = read_ecdc(folder_ / "song.ecdc");
  const Transcoded decoded =
      decode_file(codec, codes, folder_ / "decoded.wav", audio::SampleFormat::Float32, progress_);
  const Transcoded there_and_back =
      roundtrip_file(codec, song, folder_ / "back.wav", audio::SampleFormat::Float32, progress_);

  const audio::Waveform read = audio::read_waveform(song);
  const torch::Tensor heard = codec.channels() == 1 ? read.samples.mean(0, true) : read.samples;
  const torch::Tensor input = audio::resample(heard, 44100, codec.sample_rate()).unsqueeze(0);
  const torch::Tensor expected =
      codec.decode_frames(codec.encode_frames(input))[0].narrow(1, 0, input.size(2));
  for (const auto& result : {encoded, decoded, there_and_back}) {
    EXPECT_EQ(result.samples, input.size(2));
    EXPECT_EQ(result.sample_rate, codec.sample_rate());
  }
  EXPECT_GT(encoded.encode_seconds, 0.0);
  EXPECT_GT(decoded.decode_seconds, 0.0);
  const audio::Waveform file = audio::read_waveform(folder_ / "decoded.wav");
  const audio::Waveform back = audio::read_waveform(folder_ / "back.wav");
  ASSERT_EQ(file.samples.sizes(), expected.sizes());
  EXPECT_EQ(file.sample_rate, codec.sample_rate());
  EXPECT_TRUE(torch::equal(file.samples, back.samples));
  EXPECT_LE((file.samples - expected).abs().max().item<double>(), 1e-6 * expected.abs().max().item<double>());
}

INSTANTIATE_TEST_SUITE_P(Models, Transcode, ::testing::Values("encodec_24khz", "encodec_48khz"));

TEST_F(Transcode, RefusesAnotherModelsCodesAndUnknownNames) {
  const Encodec mono = support::random_encodec("encodec_24khz", "small");
  const Encodec stereo = support::random_encodec("encodec_48khz", "small");
  const fs::path song = write_song(0.5);
  (void)encode_file(mono, song, folder_ / "song.ecdc", progress_);
  const EcdcFile codes = read_ecdc(folder_ / "song.ecdc");
  const auto format = audio::SampleFormat::Int16;
  EXPECT_THROW((void)decode_file(stereo, codes, folder_ / "x.wav", format, progress_), CodecError);
  EXPECT_THROW((void)roundtrip_file(mono, song, folder_ / "x.txt", format, progress_), UsageError);
  EXPECT_FALSE(fs::exists(folder_ / "x.wav"));
}

}  // namespace
}  // namespace partita::codec
