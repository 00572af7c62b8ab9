#pragma once

#include <omp.h>

namespace partita::baselines {

/// LibTorch's work for the calling thread on that thread alone, until the end of a scope. Threads gain little
/// in a small eigendecomposition or product, and wait for each other long where a core is busy.
/// at::set_num_threads would do it for the process, and wake a pool of threads at each change.
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = omp_get_max_threads();
};

}  // namespace partita::baselines
