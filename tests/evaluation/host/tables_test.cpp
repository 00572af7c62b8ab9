#include "partita/evaluation/tables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "partita/evaluation/si_metrics.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/error.hpp"
#include "support/temporary_folder.hpp"

namespace partita::evaluation {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Table table() {
  Table table;
  table.name = "table9";
  table.title = "Table 9: numbers";
  table.paper = {"SI-SDR"};
  table.here = {"SI-SDR", "SI-SIR"};
  table.rows = {{"ours", {"5.5 (4.6)"}, {"7.0", "18.2"}, ""},
                {"LASS", {"-3.3 (10.8)"}, {}, "no model: no figure"},
                {"mixture", {}, {"0.0", "0.0"}, "unprocessed"}};
  table.notes = {"Mean (standard deviation)."};
  table.settings = {{"clips", 3}};
  table.figures = {{"values", {1.0, 2.0}}};
  table.charts = {{"table9-a.png", "a chart", [](const fs::path& png) { io::write_file(png, "drawn"); }}};
  return table;
}

TEST(Tables, StandBesideThePapersWithMissingFiguresMissing) {
  const std::string text = to_markdown(table(), "charts");
  EXPECT_THAT(text, StartsWith("### Table 9: numbers\n\n"
                               "| system | paper: SI-SDR | here: SI-SDR | here: SI-SIR | note |\n"
                               "| --- | --- | --- | --- | --- |\n"
                               "| ours | 5.5 (4.6) | 7.0 | 18.2 |   |\n"
                               "| LASS | -3.3 (10.8) | – | – | no model: no figure |\n"
                               "| mixture | – | 0.0 | 0.0 | unprocessed |\n"));
  EXPECT_THAT(text, HasSubstr("\nMean (standard deviation).\n"));
  EXPECT_THAT(text, HasSubstr("![a chart](charts/table9-a.png)"));
}

TEST(Tables, KeepEverythingInJson) {
  const io::Json json = to_json(table());
  EXPECT_EQ(json.at("settings").at("clips"), 3);
  EXPECT_EQ(json.at("rows")[0].at("here").at("SI-SIR"), "18.2");
  EXPECT_TRUE(json.at("rows")[1].at("here").is_null());
  EXPECT_EQ(json.at("rows")[1].at("note"), "no model: no figure");
  EXPECT_EQ(json.at("figures").at("values")[1], 2.0);
}

TEST(Tables, RefuseRowsThatDoNotFit) {
  Table broken = table();
  broken.rows[0].here.pop_back();
  EXPECT_THROW((void)to_markdown(broken, {}), EvaluationError);
  EXPECT_THROW((void)to_json(broken), EvaluationError);
}

TEST(Tables, AreWrittenWithTheirCharts) {
  const support::TemporaryFolder folder;
  write_table(table(), folder / "new");
  EXPECT_EQ(io::Json::parse(io::read_file(folder / "new" / "table9.json")), to_json(table()));
  EXPECT_THAT(io::read_file(folder / "new" / "table9.md"), HasSubstr("(table9-a.png)"));
  EXPECT_EQ(io::read_file(folder / "new" / "table9-a.png"), "drawn");
}

class Section : public ::testing::Test {
 protected:
  [[nodiscard]] std::string text() const { return io::read_file(document); }
  support::TemporaryFolder folder;
  const fs::path document = folder / "docs" / "results.md";
};

TEST_F(Section, IsAddedAndThenReplaced) {
  write_section(document, "table1", "one\n");
  write_section(document, "table2", "two\n");
  const std::string both = text();
  EXPECT_THAT(both, HasSubstr("one\n"));
  io::write_file(document, "before\n" + both + "after\n");
  write_section(document, "table1", "one again\n");
  EXPECT_THAT(text(), StartsWith("before\n"));
  EXPECT_THAT(text(), HasSubstr("one again\n"));
  EXPECT_THAT(text(), Not(HasSubstr("one\n")));
  EXPECT_THAT(text(), HasSubstr("two\n"));
  EXPECT_THAT(text(), ::testing::EndsWith("after\n"));
  const std::string once = text();
  write_section(document, "table1", "one again\n");
  EXPECT_EQ(text(), once);
}

TEST_F(Section, IsRefusedWhereACommentIsMissing) {
  write_section(document, "table1", "one\n");
  std::string broken = text();
  broken.erase(broken.rfind("<!--"));
  io::write_file(document, broken);
  EXPECT_THROW(check_section(document, "table1"), EvaluationError);
  EXPECT_THROW(write_section(document, "table1", "two\n"), EvaluationError);
  EXPECT_EQ(text(), broken);
  EXPECT_NO_THROW(check_section(document, "table2"));
  EXPECT_EQ(text(), broken) << "looking changes nothing";
  std::ofstream(folder / "file") << "no folder";
  EXPECT_THROW(check_section(folder / "file" / "results.md", "table1"), io::IoError);
}

}  // namespace
}  // namespace partita::evaluation
