#include "partita/codec/encodec_stream.hpp"

#include <gtest/gtest.h>

#include "support/encodec_weights.hpp"

namespace partita::codec {
namespace {

/// Pieces of changing lengths, some of them shorter than a convolution's context or longer than a block.
std::vector<torch::Tensor> pieces_of(const torch::Tensor& signal, const std::vector<std::int64_t>& lengths) {
  std::vector<torch::Tensor> pieces;
  std::int64_t at = 0;
  for (std::size_t i = 0; at < signal.size(2); ++i) {
    const std::int64_t length = std::min(lengths[i % lengths.size()], signal.size(2) - at);
    pieces.push_back(signal.narrow(2, at, length));
    at += length;
  }
  return pieces;
}

std::vector<EncodedFrame> encode_pieces(EncodecEncoder& encoder, const std::vector<torch::Tensor>& pieces) {
  std::vector<EncodedFrame> frames;
  for (const auto& piece : pieces) {
    for (auto& frame : encoder.push(piece)) frames.push_back(frame);
  }
  for (auto& frame : encoder.finish()) frames.push_back(frame);
  return frames;
}

torch::Tensor decode_pieces(EncodecDecoder& decoder, const std::vector<EncodedFrame>& frames) {
  std::vector<torch::Tensor> samples;
  for (const auto& frame : frames) samples.push_back(decoder.push(frame));
  samples.push_back(decoder.finish());
  return torch::cat(samples, 2);
}

torch::Tensor joined_codes(const std::vector<EncodedFrame>& frames) {
  std::vector<torch::Tensor> codes;
  for (const auto& frame : frames) codes.push_back(frame.codes);
  return torch::cat(codes, 2);
}

class EncodecStream : public ::testing::TestWithParam<const char*> {};

TEST_P(EncodecStream, PiecesGiveTheSameCodesAndAudioAsTheWhole) {
  const Encodec codec = support::random_encodec(GetParam(), "small");
  EncodecEncoder encoder(codec);
  EncodecDecoder decoder(codec);
  // More than two blocks of either model, and the start is fed sample by sample.
  const std::int64_t block = codec.options().segment > 0 ? 380640 : 96000;
  for (const std::int64_t length : {std::int64_t{1}, std::int64_t{2500}, 2 * block, 2 * block + 12345}) {
    const torch::Tensor signal = support::noisy_signal(codec.channels(), length);
    const auto whole = codec.encode_frames(signal);
    const torch::Tensor audio = codec.decode_frames(whole);
    EXPECT_EQ(audio.size(2), (length + 319) / 320 * 320) << length;
    for (const std::vector<std::int64_t>& lengths :
         {std::vector<std::int64_t>{1, 2, 5, 317, 4096, 100000}, {block}, {1000003}}) {
      const auto frames = encode_pieces(encoder, pieces_of(signal, lengths));
      EXPECT_TRUE(torch::equal(joined_codes(frames), joined_codes(whole))) << length;
      EXPECT_TRUE(torch::equal(decode_pieces(decoder, frames), audio)) << length;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, EncodecStream, ::testing::Values("encodec_24khz", "encodec_48khz"));

TEST(EncodecStream, CodesInPiecesOfOneFrameDecodeAsTheWhole) {
  const Encodec codec = support::random_encodec("encodec_24khz", "small");
  const torch::Tensor codes = codec.encode_frames(support::noisy_signal(1, 250000)).front().codes;
  std::vector<EncodedFrame> frames;
  for (const auto& piece : codes.split(1, 2)) frames.push_back({piece, {}});
  EncodecDecoder decoder(codec);
  EXPECT_TRUE(torch::equal(decode_pieces(decoder, frames), codec.decode_frames({{codes, {}}})));
}

TEST(EncodecStream, BatchesAreCodedSideBySide) {
  for (const char* name : {"encodec_24khz", "encodec_48khz"}) {
    const Encodec codec = support::random_encodec(name, "small");
    const torch::Tensor first = support::noisy_signal(codec.channels(), 150000);
    const torch::Tensor second = first.flip(2);
    const auto both = codec.encode_frames(torch::cat({first, second}));
    const auto alone = codec.encode_frames(second);
    ASSERT_EQ(both.size(), alone.size());
    const torch::Tensor equal = joined_codes(both).narrow(0, 1, 1).eq(joined_codes(alone));
    // A batch of another size may be rounded otherwise, which can turn a near tie.
    EXPECT_GE(equal.to(torch::kFloat32).mean().item<double>(), 0.999) << name;
  }
}

TEST(EncodecStream, SegmentsMayReachBeyondTheLast) {
  // The segment before the last, cut by the end, decodes to more than the last reaches: the official package
  // cannot add them up.
  const Encodec codec = support::random_encodec("encodec_48khz", "small");
  const torch::Tensor signal = support::noisy_signal(2, 47720);
  const auto frames = codec.encode_frames(signal);
  ASSERT_EQ(frames.size(), 2U);
  const torch::Tensor audio = codec.decode_frames(frames);
  EXPECT_EQ(audio.size(2), 48000);
  EXPECT_TRUE(torch::isfinite(audio).all().item<bool>());
  const torch::Tensor first = codec.decode_frames({frames.front()});
  EXPECT_LE((audio - first).narrow(2, 0, 47520).abs().max().item<double>(), 1e-5);
  EXPECT_GT((audio - first).narrow(2, 47520, 320).abs().max().item<double>(), 1e-5);
}

TEST(EncodecStream, RefusesSegmentsAfterAShortOne) {
  const Encodec codec = support::random_encodec("encodec_48khz", "small");
  const auto frames = codec.encode_frames(support::noisy_signal(2, 100000));
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_THROW((void)codec.decode_frames({frames[0], frames[2], frames[1]}), Error);
}

TEST(EncodecStream, NothingInNothingOut) {
  for (const char* name : {"encodec_24khz", "encodec_48khz"}) {
    const Encodec codec = support::random_encodec(name, "small");
    EncodecEncoder encoder(codec);
    EXPECT_TRUE(encoder.push(torch::zeros({1, codec.channels(), 0})).empty());
    EXPECT_TRUE(encoder.finish().empty());
    EncodecDecoder decoder(codec);
    EXPECT_EQ(decoder.finish().size(2), 0);
  }
}

TEST(EncodecStream, RefusesWhatDoesNotFit) {
  const Encodec mono = support::random_encodec("encodec_24khz", "small");
  const Encodec stereo = support::random_encodec("encodec_48khz", "small");
  EXPECT_THROW((void)EncodecEncoder(mono).push(torch::zeros({1, 2, 100})), CodecError);
  EXPECT_THROW((void)EncodecEncoder(mono).push(torch::zeros({1, 1, 100}, torch::kLong)), CodecError);
  EXPECT_THROW((void)mono.encode_frames(torch::zeros({1, 1, 0})), CodecError);
  EXPECT_THROW((void)mono.decode_frames({}), CodecError);
  const torch::Tensor codes = torch::zeros({1, 4, 3}, torch::kLong);
  EXPECT_NO_THROW((void)mono.decode_frames({{codes, {}}}));
  EXPECT_THROW((void)mono.decode_frames({{codes, torch::ones({1, 1})}}), CodecError);
  EXPECT_THROW((void)stereo.decode_frames({{codes, {}}}), CodecError);
  EXPECT_THROW((void)mono.decode_frames({{codes + 1024, {}}}), CodecError);
  EXPECT_THROW((void)mono.decode_frames({{codes - 1, {}}}), CodecError);
  EXPECT_THROW((void)mono.decode_frames({{codes.to(torch::kFloat32), {}}}), CodecError);
  EXPECT_THROW((void)mono.decode_frames({{torch::zeros({1, 33, 3}, torch::kLong), {}}}), CodecError);
  EXPECT_THROW((void)mono.decode_frames({{torch::Tensor(), {}}}), CodecError);
}

}  // namespace
}  // namespace partita::codec
