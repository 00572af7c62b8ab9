#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command_line.hpp"
#include "support/tiny_demucs.hpp"
#include "support/tiny_prior.hpp"
#include "support/tiny_store.hpp"

namespace partita::cli::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

/// The paper's tables on a tiny store by a tiny model with a prior.
class Reproduce : public CommandLine {
 protected:
  void SetUp() override {
    (void)recomposition::tiny_model_with_prior(models);
    support::write_tiny_demucs(models / "demucs", "tiny-demucs");
    support::write_tiny_store(in("store"), 3);
  }
  [[nodiscard]] Words words(Words more) const {
    more.insert(more.begin(), "reproduce");
    more.insert(more.end(), {"--steps", "2", "--model", "ours=" + (models / "composing").string(),
                             "--sampling-clips", "1", "-o", "out"});
    return more;
  }
  [[nodiscard]] Finished reproduce(const Words& more) const { return run(words(more)); }
  [[nodiscard]] Json table(const std::string& name) const {
    return Json::parse(bytes_of(out() / (name + ".json")));
  }
  static Json row(const Json& table, const std::string& system) {
    for (const auto& row : table.at("rows")) {
      if (row.at("system") == system) return row;
    }
    ADD_FAILURE() << "no row " << system;
    return {};
  }

  support::TemporaryFolder models;
};

TEST_F(Reproduce, AllTablesWithTheirFilesAndTheirSections) {
  put_bytes(in("docs/results.md"), "# Results\n");
  Setting bare = setting();
  bare.environment = {{"PARTITA_HOME", in("nobody").string()}};  // no codec's weights
  const Finished finished =
      run(words({"--all", "--store", "store", "--count", "5", "--markdown", "docs/results.md", "--model",
                 "demucs=" + (models / "demucs").string(), "--model", "lass=none", "--model", "max=none",
                 "--model", "unconditional=" + (models / "composing").string()}),
          bare);
  expect_done(finished);
  EXPECT_THAT(finished.err, HasSubstr("3 clips are measured, 5 were asked for"));
  const std::string document = bytes_of(in("docs/results.md"));
  EXPECT_THAT(document, ::testing::StartsWith("# Results\n"));
  for (const char* name : {"table1", "table2", "table3", "table4", "table5"}) {
    const Json found = table(name);
    EXPECT_EQ(found.at("settings").at("clips"), 3) << name;
    EXPECT_EQ(found.at("settings").at("clips_asked_for"), 5) << name;
    EXPECT_EQ(found.at("settings").at("steps"), 2) << name;
    EXPECT_GT(found.at("settings").at("seconds").get<double>(), 0.0) << name;
    EXPECT_EQ(found.at("settings").at("models").at("ours").at("sha256").size(), 2U) << name;
    EXPECT_FALSE(found.at("figures").empty()) << name;
    const std::string text = bytes_of(out() / (std::string(name) + ".md"));
    const std::string heading = lines(text).front();
    EXPECT_THAT(finished.out, HasSubstr(heading)) << name;
    EXPECT_THAT(document, HasSubstr(heading)) << name;
  }
  EXPECT_TRUE(row(table("table1"), "encodec_24khz").at("here").is_null());
  EXPECT_THAT(row(table("table1"), "encodec_24khz").at("note").get<std::string>(), HasSubstr("models fetch"));
  EXPECT_TRUE(row(table("table1"), "mel").at("here").contains("FAD (mel)"));
  EXPECT_TRUE(row(table("table2"), "LASS").at("here").is_null());
  EXPECT_EQ(row(table("table2"), "Demucs").at("here").size(), 3U);
  EXPECT_EQ(row(table("table2"), "Demucs").at("note"), "tiny-demucs");
  EXPECT_TRUE(row(table("table3"), "Max").at("here").is_null());
  EXPECT_EQ(row(table("table4"), "p_mask = 0.8").at("here").size(), 6U);
  EXPECT_EQ(row(table("table4"), "Unconditional model").at("here"),
            row(table("table4"), "p_mask = 0.8").at("here"))
      << "the same model by another name";
  EXPECT_EQ(row(table("table5"), "Real drums").at("paper").at("MS-STFT"), "13.6 (0.4)");
  const Json separated = table("table2");
  EXPECT_EQ(separated.at("figures").at("systems")[1].at("rows")[0].at("figures").at("clip").size(), 3U)
      << "every clip's figure";
  for (const char* chart : {"table2-boxes.png", "table4-sampling.png"}) {
    EXPECT_GT(fs::file_size(out() / chart), 1000U) << chart;
    EXPECT_THAT(document, HasSubstr(std::string("](../out/") + chart)) << "seen from the document";
  }
}

TEST_F(Reproduce, OneTableOfADataSetThatItPrepares) {
  for (const char* track : {"Track00001", "Track00002"}) {
    const fs::path folder = in("set/test") / track;
    fs::create_directories(folder / "stems");
    put_bytes(folder / "metadata.yaml",
              "stems:\n  S00:\n    inst_class: Drums\n    is_drum: true\n    audio_rendered: true\n"
              "  S01:\n    inst_class: Bass\n    is_drum: false\n    audio_rendered: true\n");
    write_sound(folder / "stems/S00.flac", support::drums_like(15.0, 24000).unsqueeze(0), 24000, kFlac);
    write_sound(folder / "stems/S01.flac", support::bass_like(15.0, 24000).unsqueeze(0), 24000, kFlac);
  }
  expect_done(reproduce({"table3", "--slakh", "set", "--count", "2"}));
  EXPECT_EQ(table("table3").at("settings").at("clips"), 2);
  EXPECT_EQ(row(table("table3"), "Sum").at("here").size(), 3U);
  EXPECT_FALSE(fs::exists(out() / "table2.json"));
  const Finished again = reproduce({"table3", "--slakh", "set", "--count", "2", "--json", "-"});
  expect_done(again);
  EXPECT_THAT(again.err, HasSubstr("is there already"));
  EXPECT_EQ(Json::parse(again.out).at("tables")[0].at("table"), "table3");
}

TEST_F(Reproduce, WrongUseIsSaidInOneLineBeforeTheWork) {
  put_bytes(out(), "a file where the folder should be");
  expect_failure(reproduce({"table2", "--store", "store"}), 1, {"out"});
  fs::remove(out());
  expect_failure(reproduce({"table6", "--store", "store"}), 2, {"table6"});
  expect_failure(reproduce({"--store", "store"}), 2, {"tables"});
  expect_failure(reproduce({"table2"}), 2, {"--store"});
  expect_failure(reproduce({"table3", "--store", "store", "--model", "max"}), 2, {"WORD=NAME"});
  expect_failure(reproduce({"table3", "--store", "store", "--model", "best=tiny"}), 2, {"best", "mean"});
  support::write_tiny_store(in("mute"), 2, /*audio=*/false);
  expect_failure(reproduce({"table2", "--store", "mute"}), 1, {"mute", "keeps no audio"});
  fs::create_directories(in("nothing"));
  expect_failure(reproduce({"table2", "--store", "nothing"}), 1, {"nothing"});
  put_bytes(in("half.md"), "<!-- table2: from here on written by partita reproduce -->\n");
  expect_failure(reproduce({"table2", "--store", "store", "--markdown", "half.md"}), 1,
                 {"half.md", "table2"});
}

}  // namespace
}  // namespace partita::cli::test
