#include "partita/baselines/demucs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "partita/base/random.hpp"
#include "support/golden.hpp"
#include "support/temporary_folder.hpp"

namespace partita::baselines {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Shape = std::vector<std::int64_t>;

/// The cases of scripts/golden/demucs.py.
DemucsOptions options_of(const std::string& name) {
  DemucsOptions options;
  options.sample_rate = 800;
  options.segment_seconds = 1.0;
  options.audio_channels = 1;
  options.channels = 4;
  options.depth = 2;
  options.resample = false;
  if (name == "plain") {
    options.sources = {"drums", "bass"};
    options.channels = options.depth = 3;
    options.normalize = true;
  } else if (name == "resampled") {
    options.sources = {"a", "b", "c"};
    options.audio_channels = 2;
    options.growth = 1.5;
    options.resample = true;
  } else {
    options.sources = {"a"};
    options.lstm_layers = 0;
    options.context = 1;
    options.kernel_size = 5;
    options.stride = 3;
    options.rescale = 0.0;
  }
  return options;
}

class DemucsGolden : public ::testing::TestWithParam<std::string> {
 protected:
  DemucsGolden() { io::load_state(*network_, file_.tensors(GetParam() + "/weights/"), "demucs.safetensors"); }
  [[nodiscard]] torch::Tensor tensor(const std::string& name) const {
    return file_.tensor(GetParam() + "/" + name);
  }

  io::SafetensorsFile file_{golden::golden_path("demucs.safetensors")};
  Demucs network_{options_of(GetParam())};
};

TEST_P(DemucsGolden, ValuesAndGradientsAreTheOriginals) {
  golden::expect_close(network_->forward(tensor("x")), tensor("y"), "y");
  network_->to(torch::kFloat64);
  network_->forward(tensor("x").to(torch::kFloat64)).square().mean().backward();
  golden::expect_gradients(*network_, file_.tensors(GetParam() + "/gradients/"), "gradients");
}

TEST_P(DemucsGolden, SegmentsAreTheOriginals) {
  golden::expect_close(separate_segments(*network_, tensor("song")), tensor("stems"), "stems");
}

TEST_P(DemucsGolden, ValidLengthsAreTheOriginalsAndLeaveAsMuchAsWasAskedFor) {
  const torch::Tensor lengths = tensor("lengths"), valid = tensor("valid_lengths");
  for (std::int64_t i = 0; i < lengths.size(0); ++i) {
    const auto length = lengths[i].item<std::int64_t>();
    EXPECT_EQ(network_->valid_length(length), valid[i].item<std::int64_t>()) << length;
    if (length > 1000) continue;
    const torch::Tensor x =
        torch::zeros({1, network_->options().audio_channels, network_->valid_length(length)});
    EXPECT_GE(network_->forward(x).size(-1), length);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, DemucsGolden, ::testing::Values("plain", "resampled", "bare"),
                         [](const auto& parameter) { return parameter.param; });

TEST(Demucs, OfficialCheckpointsFitByName) {
  DemucsOptions options;
  options.channels = 4;
  const Demucs network(options);
  golden::expect_names(*network, "demucs_unittest.txt");
  const Demucs loaded = load_demucs(io::state_of(*network), "weights", torch::kCPU);
  EXPECT_EQ(loaded->options().channels, 4);
  EXPECT_TRUE(loaded->options().normalize);
  EXPECT_TRUE(loaded->options().resample);
  EXPECT_FALSE(loaded->is_training());
  for (const auto& [name, tensor] : io::state_of(*loaded))
    EXPECT_TRUE(torch::equal(tensor, io::state_of(*network).at(name))) << name;
}

TEST(Demucs, WeightsOfOtherNetworksAreRefused) {
  DemucsOptions options;
  options.channels = 1;
  const io::TensorMap good = io::state_of(*Demucs(options));
  const auto refused = [&](auto change, const std::string& what) {
    io::TensorMap weights = good;
    change(weights);
    EXPECT_THAT([&] { (void)load_demucs(weights, "some.th", torch::kCPU); },
                ThrowsMessage<Error>(testing::AllOf(HasSubstr("some.th"), HasSubstr(what))));
  };
  EXPECT_NO_THROW((void)load_demucs(good, "some.th", torch::kCPU));
  refused([](auto& weights) { weights.clear(); }, "Demucs, version 2");
  refused(
      [](auto& weights) {
        weights["encoder.0.0.weight"] = torch::zeros({1000, 2, 8});
      },
      "Demucs, version 2");
  refused([](auto& weights) { weights["encoder.0.0.weight"] = torch::zeros({1}); }, "Demucs, version 2");
  refused([](auto& weights) { weights["encoder.5.0.weight"] = torch::tensor(1.0); }, "Demucs, version 2");
  refused([](auto& weights) { weights.erase("lstm.linear.bias"); }, "lstm.linear.bias");
  refused([](auto& weights) { weights["dconv.weight"] = torch::zeros({1}); }, "dconv.weight");
  refused([](auto& weights) { weights["lstm.linear.bias"] = torch::full({32}, INFINITY); }, "not finite");
}

TEST(Demucs, ACardBringsTheNetworkBack) {
  const support::TemporaryFolder folder;
  Demucs network(options_of("plain"));
  const std::string head =
      "name = \"tiny\"\nkind = \"demucs\"\ncomponents = [\"drums\", \"bass\"]\nsample_rate = 800\n"
      "audio_channels = 1\n";
  io::write_model_folder(folder / "model", head + to_toml(network->options()), io::state_of(*network));
  Demucs back = load_demucs(io::ModelFolder(folder / "model"), torch::kCPU);
  EXPECT_EQ(to_toml(back->options()), to_toml(network->options()));
  EXPECT_EQ(back->options().sources, network->options().sources);
  const torch::Tensor x = torch::randn({1, 1, 500}, make_generator(1, "x"));
  EXPECT_TRUE(torch::equal(back->forward(x), network->forward(x)));
  io::write_model_folder(folder / "other", "name = \"other\"\nkind = \"codec\"\n", io::state_of(*network));
  EXPECT_THAT([&] { (void)load_demucs(io::ModelFolder(folder / "other"), torch::kCPU); },
              ThrowsMessage<BaselineError>(HasSubstr("found kind 'codec'")));
}

TEST(Demucs, FirstWeightsOfConvolutionsAreRescaled) {
  DemucsOptions options = options_of("plain");
  torch::manual_seed(3);
  const Demucs scaled(options);
  options.rescale = 0.0;
  torch::manual_seed(3);
  const Demucs plain(options);
  for (const auto& [name, weight] : io::state_of(*plain)) {
    const torch::Tensor found = io::state_of(*scaled).at(name);
    const bool convolution = name.ends_with("weight") && weight.dim() == 3;
    const torch::Tensor expected = convolution ? weight / (weight.std() / 0.1).sqrt() : weight;
    if (convolution || name.starts_with("lstm")) EXPECT_TRUE(torch::allclose(found, expected)) << name;
  }
}

TEST(Demucs, OptionsThatMakeNoNetworkAreRefused) {
  const auto refused = [](auto change) {
    DemucsOptions options = options_of("plain");
    change(options);
    EXPECT_THROW(Demucs{options}, BaselineError);
  };
  refused([](auto& o) { o.channels = 0; });
  refused([](auto& o) { o.channels = 1 << 20; });
  refused([](auto& o) { o.depth = 0; });
  refused([](auto& o) { o.depth = 10, o.growth = 4.0; });
  refused([](auto& o) { o.kernel_size = 0; });
  refused([](auto& o) { o.stride = 0; });
  refused([](auto& o) { o.growth = 0.5; });
  refused([](auto& o) { o.growth = std::numeric_limits<double>::quiet_NaN(); });
  refused([](auto& o) { o.lstm_layers = -1; });
  refused([](auto& o) { o.context = 0; });
  refused([](auto& o) { o.audio_channels = 0; });
  refused([](auto& o) { o.sample_rate = 0; });
  refused([](auto& o) { o.segment_seconds = 0.0; });
  refused([](auto& o) { o.sources.clear(); });
  refused([](auto& o) { o.sources = {"drums", "drums"}; });
}

TEST(Demucs, KeysOutOfRangeAreNamed) {
  const auto refused = [](const std::string& line, const std::string& what) {
    const io::Config config = io::Config::parse("[demucs]\n" + line + "\n");
    EXPECT_THAT([&] { (void)demucs_options(config); }, ThrowsMessage<io::IoError>(HasSubstr(what)));
  };
  refused("channels = 0", "channels");
  refused("depth = 11", "depth");
  refused("growth = 0.5", "growth");
  refused("rescale = -1.0", "rescale");
  refused("segment_seconds = 0.1", "segment_seconds");
  refused("resample = 2", "resample");
}

TEST(Demucs, SoundsOfEveryLengthKeepIt) {
  Demucs network(options_of("resampled"));
  for (const std::int64_t samples : {1, 2, 799, 800, 801, 1399}) {
    const torch::Tensor song = torch::randn({2, samples}, make_generator(2, "song"));
    const torch::Tensor stems = separate_segments(*network, song, 0.5);
    EXPECT_EQ(stems.sizes().vec(), (Shape{3, 2, samples}));
    EXPECT_TRUE(torch::isfinite(stems).all().item<bool>()) << samples;
  }
}

TEST(Demucs, SilenceStaysSilent) {
  for (const char* name : {"plain", "resampled"}) {
    Demucs network(options_of(name));
    const torch::Tensor silence = torch::zeros({network->options().audio_channels, 3000});
    EXPECT_EQ(separate_segments(*network, silence).abs().max().item<float>(), 0.0F) << name;
  }
}

TEST(Demucs, SoundsThatDoNotFitAreRefused) {
  Demucs network(options_of("plain"));
  torch::Tensor song = torch::randn({1, 2000});
  EXPECT_THROW((void)separate_segments(*network, song.expand({2, 2000})), BaselineError);
  EXPECT_THROW((void)separate_segments(*network, song[0]), BaselineError);
  EXPECT_THROW((void)separate_segments(*network, song.slice(1, 0, 0)), BaselineError);
  EXPECT_THROW((void)separate_segments(*network, song, 1.0), BaselineError);
  song[0][1234] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT([&] { (void)separate_segments(*network, song); },
              ThrowsMessage<BaselineError>(HasSubstr("NaN")));
  const std::int64_t shortest = network->valid_length(1);
  EXPECT_EQ(network->forward(torch::zeros({1, 1, shortest})).dim(), 4);
  EXPECT_THROW((void)network->forward(torch::zeros({1, 1, shortest - 1})), BaselineError);
  EXPECT_THROW((void)network->forward(torch::zeros({1, 2, 2000})), BaselineError);
  EXPECT_THROW((void)network->forward({}), BaselineError);
}

}  // namespace
}  // namespace partita::baselines
