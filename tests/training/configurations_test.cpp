#include <gtest/gtest.h>

#include <filesystem>

#include "partita/decomposition/model.hpp"
#include "partita/training/trainer.hpp"
#include "support/paths.hpp"

namespace partita::training {
namespace {

TEST(Configurations, AllThatAreShippedAreValid) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(support::source_path("configs"))) {
    const io::Config config = io::Config::load(entry.path());
    EXPECT_NO_THROW(check_configuration(config)) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 2);
}

TEST(Configurations, ThePapersModelIsTheDefault) {
  const io::Config config = io::Config::load(support::source_path("configs/paper-drums-bass.toml"));
  const decomposition::ModelOptions options = decomposition::model_options(config);
  const decomposition::ModelOptions paper;
  EXPECT_EQ(decomposition::to_toml(options), decomposition::to_toml(paper));
}

}  // namespace
}  // namespace partita::training
