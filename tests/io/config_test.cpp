#include "partita/io/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "partita/io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;

constexpr const char* kText = R"(# a comment
name = "drums and bass"
seed = 7

[train]
steps = 1_000
rate = 1e-3
whole = 2
amp = true
sizes = [1, 2, 3]
mix = [1, 2.5]
names = ["drums", "bass"]

[train.more]
deep = 1
)";

Config config(std::string_view text = kText) { return Config::parse(text, "run.toml"); }

template <class F>
std::string message_of(const F& action) {
  try {
    action();
  } catch (const IoError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Config, ReadsEveryType) {
  const Config root = config();
  const Config train = root.table("train");
  EXPECT_EQ(root.get<std::string>("name"), "drums and bass");
  EXPECT_EQ(root.get<std::int64_t>("seed"), 7);
  EXPECT_EQ(train.get<int>("steps"), 1000);
  EXPECT_DOUBLE_EQ(train.get<double>("rate"), 1e-3);
  EXPECT_DOUBLE_EQ(train.get<double>("whole"), 2.0);
  EXPECT_TRUE(train.get<bool>("amp"));
  EXPECT_THAT(train.get<std::vector<int>>("sizes"), ElementsAre(1, 2, 3));
  EXPECT_THAT(train.get<std::vector<std::int64_t>>("sizes"), ElementsAre(1, 2, 3));
  EXPECT_THAT(train.get<std::vector<double>>("mix"), ElementsAre(1.0, 2.5));
  EXPECT_THAT(train.get<std::vector<std::string>>("names"), ElementsAre("drums", "bass"));
  EXPECT_EQ(train.table("more").get<int>("deep"), 1);
  EXPECT_NO_THROW(root.finish());
}

TEST(Config, FallbacksServeAbsentKeysAndTables) {
  const Config root = config();
  EXPECT_EQ(root.get<int>("absent", 3), 3);
  EXPECT_EQ(root.table("nowhere").table("below").get<std::string>("x", "y"), "y");
  EXPECT_FALSE(root.has("absent"));
  EXPECT_TRUE(root.has("train"));
  EXPECT_FALSE(root.table("nowhere").has("x"));
  EXPECT_THAT(root.table("nowhere").keys(), ElementsAre());
  EXPECT_NO_THROW(root.table("nowhere").finish());
  EXPECT_EQ(Config().get<int>("x", 1), 1);
}

TEST(Config, WrongTypesNameFileLineAndKey) {
  const Config train = config().table("train");
  EXPECT_EQ(message_of([&] { static_cast<void>(train.get<int>("amp")); }),
            "'run.toml' line 9: key 'train.amp': expected an integer, found true");
  EXPECT_EQ(message_of([&] { static_cast<void>(train.get<bool>("steps", false)); }),
            "'run.toml' line 6: key 'train.steps': expected true or false, found 1000");
  EXPECT_THAT(message_of([&] { static_cast<void>(train.get<int>("rate")); }),
              HasSubstr("expected an integer"));
  EXPECT_THAT(message_of([&] { static_cast<void>(train.get<std::string>("steps")); }), HasSubstr("a string"));
  EXPECT_THAT(message_of([&] { static_cast<void>(train.get<std::vector<int>>("mix")); }),
              AllOf(StartsWith("'run.toml' line 11: key 'train.mix': expected a list of integers"),
                    HasSubstr("2.5")));
  EXPECT_THAT(message_of([&] { static_cast<void>(train.get<std::vector<std::string>>("steps")); }),
              HasSubstr("a list of strings"));
  EXPECT_THAT(message_of([&] { static_cast<void>(train.table("steps")); }), HasSubstr("expected a table"));
  EXPECT_THAT(message_of([&] { static_cast<void>(train.get<int>("more")); }), HasSubstr("'train.more'"));
}

TEST(Config, IntegersOutOfRangeAndNanAreRefused) {
  const Config root = config("a = 3000000000\nb = nan\nc = inf\nd = -2147483648\n");
  EXPECT_THROW(static_cast<void>(root.get<int>("a")), IoError);
  EXPECT_EQ(root.get<std::int64_t>("a"), 3'000'000'000);
  EXPECT_THROW(static_cast<void>(root.get<double>("b")), IoError);
  EXPECT_EQ(root.get<double>("c"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(root.get<int>("d"), std::numeric_limits<int>::min());
}

TEST(Config, MissingKeysAreNamed) {
  EXPECT_EQ(message_of([] { static_cast<void>(config().table("train").get<int>("batch")); }),
            "'run.toml': key 'train.batch' is missing: expected an integer");
}

TEST(Config, RequireNamesTheRange) {
  const Config train = config().table("train");
  EXPECT_NO_THROW(train.require(true, "steps", "at most 10"));
  EXPECT_EQ(message_of([&] { train.require(false, "steps", "at most 10"); }),
            "'run.toml' line 6: key 'train.steps': expected at most 10, found 1000");
}

TEST(Config, UnknownKeysAreFoundWithASuggestion) {
  const Config root = config("[train]\nstesp = 3\n");
  EXPECT_EQ(root.table("train").get<int>("steps", 1), 1);
  EXPECT_EQ(root.table("train").get<int>("batch", 1), 1);
  EXPECT_EQ(message_of([&] { root.finish(); }),
            "'run.toml' line 2: key 'train.stesp' is unknown: did you mean 'steps'?");
}

TEST(Config, UnknownKeysFarFromAnyListWhatIsKnown) {
  const Config root = config("colour = 1\n");
  static_cast<void>(root.get<int>("steps", 1));
  static_cast<void>(root.get<int>("batch", 1));
  EXPECT_EQ(message_of([&] { root.finish(); }),
            "'run.toml' line 1: key 'colour' is unknown; known keys: batch, steps");
}

TEST(Config, UnknownTablesAndDeepKeysAreFound) {
  EXPECT_THAT(message_of([] { config("[tain]\n").finish(); }), HasSubstr("key 'tain' is unknown"));
  const Config root = config("[train.more]\ndeep = 1\n");
  static_cast<void>(root.table("train").table("more"));
  EXPECT_THAT(message_of([&] { root.finish(); }), HasSubstr("line 2: key 'train.more.deep' is unknown"));
}

TEST(Config, FinishOfASubTableLooksOnlyBelow) {
  const Config root = config("stray = 1\n[a]\nx = 1\n[b]\ny = 2\n");
  const Config a = root.table("a");
  static_cast<void>(a.get<int>("x"));
  EXPECT_NO_THROW(a.finish());
  EXPECT_THROW(root.table("b").finish(), IoError);
  EXPECT_THAT(message_of([&] { root.finish(); }), HasSubstr("'stray'"));
}

TEST(Config, CopiesShareWhatWasRead) {
  const Config root = config("x = 1\n");
  const Config copy =
      root;  // NOLINT(performance-unnecessary-copy-initialization): the copy is what is tested
  static_cast<void>(copy.get<int>("x"));
  EXPECT_NO_THROW(root.finish());
}

TEST(Config, KeysAreInFileOrder) {
  EXPECT_THAT(config().keys(), ElementsAre("name", "seed", "train"));
  EXPECT_THAT(config("z = 1\na = 2\nm.n = 3\n").keys(), ElementsAre("z", "a", "m"));
}

TEST(Config, QuotedKeysAreTheirOwn) {
  const Config root = config("[files]\n\"a.b\" = 1\n[files.a]\nb = 2\n[\"x.y\"]\nz = 3\n");
  EXPECT_EQ(root.table("files").get<int>("a.b"), 1);
  EXPECT_EQ(root.table("files").table("a").get<int>("b"), 2);
  EXPECT_EQ(root.table("x.y").get<int>("z"), 3);
  EXPECT_NO_THROW(root.finish());
}

TEST(Config, BrokenTomlNamesTheLine) {
  EXPECT_THAT([] { static_cast<void>(config("a = 1\nb = \n")); },
              ThrowsMessage<IoError>(AllOf(HasSubstr("run.toml"), HasSubstr("line 2"))));
  EXPECT_THROW(static_cast<void>(config("a = 1\na = 2\n")), IoError);
  EXPECT_THROW(static_cast<void>(config("a = \"\xff\xfe\"\n")), IoError);
  EXPECT_THROW(static_cast<void>(config(std::string("a = 1\0", 6))), IoError);
}

TEST(Config, TextIsEchoedWhole) {
  EXPECT_EQ(config().text(), kText);
  EXPECT_EQ(config().table("train").text(), kText);
}

TEST(Config, WithAnotherValueOfAKey) {
  const Config before = config("seed = 1\n[train]\nrate = 0.1\nnames = [\"a\", \"b\"]\n");
  const Config after = before.with("train.rate", "0.25");
  EXPECT_DOUBLE_EQ(after.table("train").get<double>("rate"), 0.25);
  EXPECT_EQ(after.table("train").get<std::vector<std::string>>("names"),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(after.get<int>("seed"), 1);
  EXPECT_NO_THROW(after.finish());
  EXPECT_DOUBLE_EQ(before.table("train").get<double>("rate"), 0.1);
  EXPECT_DOUBLE_EQ(config(after.text()).table("train").get<double>("rate"), 0.25);
  EXPECT_EQ(before.with("seed", "2").get<int>("seed"), 2);
  EXPECT_EQ(
      before.with("model.net.widths", "[1, 2]").table("model").table("net").get<std::vector<int>>("widths"),
      (std::vector<int>{1, 2}));
  EXPECT_EQ(before.with("train.output", "runs/a b").table("train").get<std::string>("output"), "runs/a b");
  EXPECT_EQ(before.with("train.output", "\"1\"").table("train").get<std::string>("output"), "1");
  for (const char* path : {"seed.x", "", ".", "a.", ".a", "a..b"}) {
    EXPECT_THAT([&] { static_cast<void>(before.with(path, "1")); },
                ThrowsMessage<IoError>(AllOf(HasSubstr("run.toml"), HasSubstr(path))));
  }
}

TEST(Config, LoadsFiles) {
  const support::TemporaryFolder folder;
  write_file(folder / "a.toml", "x = 1\n");
  EXPECT_EQ(Config::load(folder / "a.toml").get<int>("x"), 1);
  EXPECT_THAT([&] { static_cast<void>(Config::load(folder / "none.toml")); },
              ThrowsMessage<IoError>(HasSubstr("none.toml")));
}

}  // namespace
}  // namespace partita::io
