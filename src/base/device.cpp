#include "partita/base/device.hpp"

#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/utils.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <dlfcn.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "partita/base/error.hpp"

namespace partita {
namespace {

/// N of "cuda:N" (0 for "cuda"), or -1 if `name` is neither.
int cuda_index(std::string_view name) {
  constexpr std::string_view kPrefix = "cuda";
  if (name.substr(0, kPrefix.size()) != kPrefix) return -1;
  name.remove_prefix(kPrefix.size());
  if (name.empty()) return 0;
  if (name.front() != ':') return -1;
  name.remove_prefix(1);
  unsigned char index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  return whole && index < 128 ? index : -1;
}

/// As Linux names it; where it does not, what kind it is of.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

}  // namespace

torch::Device parse_device(const std::string& name) {
  if (name == "cpu") return {torch::kCPU};
  const int index = cuda_index(name);
  if (index < 0) fail<UsageError>("device '{}' is not known: expected cpu, cuda or cuda:N", name);
  const auto count = static_cast<std::int64_t>(torch::cuda::device_count());
  if (count == 0)
    fail<UsageError>("device '{}': this machine has no CUDA device that LibTorch can use; use cpu", name);
  if (index >= count)
    fail<UsageError>("device '{}': this machine has {} CUDA devices, numbered from 0", name, count);
  return {torch::kCUDA, static_cast<torch::DeviceIndex>(index)};
}

bool has_bfloat16(torch::Device device) {
  if (!device.is_cpu()) return true;
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

std::string machine_text(torch::Device device) {
  const int threads = torch::get_num_threads();
  return fmt::format("{}{}, {} {}", device.is_cpu() ? "" : device.str() + " of ", processor_name(), threads,
                     threads == 1 ? "thread" : "threads");
}

torch::Tensor on_device(const torch::Tensor& tensor, torch::Device device) {
  if (!tensor.is_cpu() || !device.is_cuda()) return tensor.to(device);
  return tensor.pin_memory().to(device, tensor.scalar_type(), /*non_blocking=*/true);
}

void set_threads(int count) {
  if (count < 0) fail<UsageError>("{} threads were asked for: expected 0 (every core) or more", count);
  const int all = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  // Subnormal numbers, which networks make of silence, cost a processor ten times the others. Worker
  // threads take this setting over when they start, so it comes first.
  at::globalContext().setFlushDenormal(true);
  torch::set_num_threads(count == 0 ? all : count);
}

void choose_blas_kernels(char* const* arguments) {
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__)
  constexpr const char* kVariable = "OPENBLAS_CORETYPE";
  const auto name = reinterpret_cast<const char* (*)()>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  if (std::getenv(kVariable) != nullptr || name == nullptr || std::string_view(name()) != "Prescott") return;
  const bool wide = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                    __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  if (__builtin_cpu_supports("avx2") == 0 || __builtin_cpu_supports("fma") == 0) return;
  setenv(kVariable, wide ? "SkylakeX" : "Haswell", 1);
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error)
    execv(program.c_str(), arguments);  // comes back only where it fails: the slow kernels do the same
#else
  static_cast<void>(arguments);
#endif
}

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kMegabyte = 1 << 20;
  mallopt(M_MMAP_MAX, 0);  // what is mapped by itself goes back when it is freed
  mallopt(M_TRIM_THRESHOLD, 512 * kMegabyte);
  mallopt(M_TOP_PAD, 64 * kMegabyte);
#endif
}

}  // namespace partita
