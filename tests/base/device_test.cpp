#include "partita/base/device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/utils.h>

#include <fstream>
#include <iterator>
#include <string>

#include "partita/base/error.hpp"

namespace partita {
namespace {

TEST(ParseDevice, KnowsTheProcessor) { EXPECT_TRUE(parse_device("cpu").is_cpu()); }

TEST(ParseDevice, RefusesOtherNames) {
  for (const char* name :
       {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:300", "cuda0", "cpu:0"}) {
    EXPECT_THROW(static_cast<void>(parse_device(name)), UsageError) << name;
  }
}

TEST(ParseDevice, RefusesADeviceThatTheMachineLacks) {
  const auto count = static_cast<int>(torch::cuda::device_count());
  const std::string name = "cuda:" + std::to_string(count);
  EXPECT_THAT([&] { static_cast<void>(parse_device(name)); },
              testing::ThrowsMessage<UsageError>(testing::HasSubstr("'" + name + "'")));
  if (count > 0) {
    EXPECT_EQ(parse_device("cuda"), torch::Device(torch::kCUDA, 0));
  }
}

TEST(MachineText, NamesProcessorAndThreads) {
  EXPECT_THAT(machine_text(torch::kCPU),
              testing::MatchesRegex("[^:]+, " + std::to_string(torch::get_num_threads()) + " threads?"));
  EXPECT_THAT(machine_text({torch::kCUDA, 1}), testing::StartsWith("cuda:1 of "));
}

TEST(Bfloat16, IsThereWhereTheProcessorSaysSo) {
  std::ifstream file("/proc/cpuinfo");
  if (!file) GTEST_SKIP() << "no /proc/cpuinfo";
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(has_bfloat16(torch::kCPU), text.find(" avx512_bf16 ") != std::string::npos);
}

TEST(SetThreads, TakesACountOrEveryCore) {
  const int before = torch::get_num_threads();
  set_threads(1);
  EXPECT_EQ(torch::get_num_threads(), 1);
  set_threads(0);
  EXPECT_GE(torch::get_num_threads(), 1);
  EXPECT_THROW(set_threads(-1), UsageError);
  torch::set_num_threads(before);
}

}  // namespace
}  // namespace partita
