#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "partita/audio/file.hpp"
#include "process.hpp"
#include "support/signals.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_model.hpp"

namespace partita::cli::test {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr double kLsb16 = 1.0 / 32768.0;
constexpr double kLsb24 = 1.0 / 8388608.0;

inline std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

inline std::string bytes_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

inline void put_bytes(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Drums and bass, a little different in each channel: `[channel, sample]`, peak below 0.9.
inline torch::Tensor song(double seconds, int rate, std::int64_t channels) {
  const torch::Tensor drums = support::drums_like(seconds, rate);
  const torch::Tensor bass = support::bass_like(seconds, rate);
  std::vector<torch::Tensor> rows;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    const double place = static_cast<double>(channel) / static_cast<double>(channels);
    rows.push_back((1.0 - 0.5 * place) * drums + (0.6 + 0.4 * place) * bass);
  }
  return torch::stack(rows);
}

/// Any format of libsndfile, any samples, NaN as well.
inline void write_sound(const fs::path& path, const torch::Tensor& samples, int rate, int format) {
  SF_INFO header{};
  header.samplerate = rate;
  header.channels = static_cast<int>(samples.size(0));
  header.format = format;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &header);
  ASSERT_NE(file, nullptr) << path << ": " << sf_strerror(nullptr);
  const torch::Tensor interleaved = samples.t().contiguous();
  EXPECT_EQ(sf_writef_float(file, interleaved.data_ptr<float>(), samples.size(1)), samples.size(1));
  sf_close(file);
}

constexpr int kFloatWav = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
constexpr int kInt16Wav = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
constexpr int kFlac = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
constexpr int kOgg = SF_FORMAT_OGG | SF_FORMAT_VORBIS;
constexpr int kMp3 = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;

/// Largest |song − sum of stems|; fails where rate, channels or length differ.
inline double sum_error(const fs::path& song_file, const std::vector<fs::path>& stems) {
  const audio::Waveform whole = audio::read_waveform(song_file);
  torch::Tensor rest = whole.samples.to(torch::kFloat64);
  for (const auto& file : stems) {
    const audio::Waveform stem = audio::read_waveform(file);
    EXPECT_EQ(stem.sample_rate, whole.sample_rate) << file;
    EXPECT_EQ(stem.samples.sizes(), whole.samples.sizes()) << file;
    if (stem.samples.sizes() != whole.samples.sizes()) return 1.0;
    rest = rest - stem.samples.to(torch::kFloat64);
  }
  return rest.abs().max().item<double>();
}

/// Runs the program with a tiny model of random weights, called "tiny", on its search path.
class CommandLine : public ::testing::Test {
 protected:
  static const support::TemporaryFolder& home() {
    static const support::TemporaryFolder folder;
    return folder;
  }
  static fs::path tiny() { return home() / "models" / "tiny"; }

  static void SetUpTestSuite() {
    if (fs::exists(tiny())) return;
    torch::manual_seed(7);
    const decomposition::ModelOptions options = decomposition::tiny_options();
    const decomposition::DecompositionModel model(options);
    io::write_model_folder(tiny(), decomposition::tiny_card(options), io::state_of(*model));
  }

  [[nodiscard]] Setting setting() const {
    Setting result;
    result.folder = folder_.path();
    result.environment = {{"PARTITA_HOME", home().path().string()}};
    return result;
  }
  [[nodiscard]] fs::path out() const { return folder_ / "out"; }
  [[nodiscard]] fs::path in(const std::string& name) const { return folder_ / name; }
  /// The stems of a song under the default file name.
  [[nodiscard]] std::vector<fs::path> stems(const std::string& track, const std::string& model = "tiny",
                                            const std::string& extension = "wav") const {
    return {out() / model / track / ("drums." + extension), out() / model / track / ("bass." + extension)};
  }

  /// One thread: the machine that tests is often busy.
  static Words words(const Words& arguments) {
    Words all{"--threads", "1"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  [[nodiscard]] Finished run(const Words& arguments, const Setting& setting) const {
    return Process(words(arguments), setting).wait();
  }
  [[nodiscard]] Finished run(const Words& arguments) const { return run(arguments, setting()); }
  [[nodiscard]] static Words separation(const Words& arguments) {
    Words all{"separate", "-o", "out", "--steps", "2"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  [[nodiscard]] Finished separate(const Words& arguments) const { return run(separation(arguments)); }

  /// Everything in the output folder.
  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    if (!fs::exists(out())) return found;
    for (const auto& entry : fs::recursive_directory_iterator(out())) {
      if (!entry.is_directory()) found.push_back(entry.path());
    }
    return found;
  }

  support::TemporaryFolder folder_;
};

inline void expect_done(const Finished& finished) {
  EXPECT_EQ(finished.signal, 0);
  ASSERT_EQ(finished.code, 0) << finished.err;
}

/// Without the lines that tell how far a slow machine has come.
inline std::vector<std::string> messages(const std::string& log) {
  std::vector<std::string> result = lines(log);
  std::erase_if(result, [](const std::string& line) { return line.find("% (") != std::string::npos; });
  return result;
}

/// One clear line on stderr, nothing on stdout.
inline void expect_failure(const Finished& finished, int code, const Words& parts) {
  EXPECT_EQ(finished.signal, 0);
  EXPECT_EQ(finished.code, code) << finished.err;
  EXPECT_EQ(finished.out, "");
  const auto found = messages(finished.err);
  ASSERT_EQ(found.size(), 1U) << finished.err;
  EXPECT_THAT(found[0], ::testing::StartsWith("partita: "));
  for (const auto& part : parts) EXPECT_THAT(found[0], ::testing::HasSubstr(part));
}

}  // namespace partita::cli::test
