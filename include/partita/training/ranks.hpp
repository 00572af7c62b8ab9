#pragma once

#include <torch/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "partita/training/error.hpp"

namespace partita::training {

/// The processes that train one model together, each on its share of every batch, and which of them this one
/// is. Data parallel through LibTorch's c10d: Gloo on CPUs, NCCL on GPUs.
class Ranks {
 public:
  /// This process alone.
  Ranks();
  ~Ranks();
  Ranks(Ranks&&) noexcept;
  Ranks& operator=(Ranks&&) noexcept;

  /// As the launcher's environment says: where MASTER_ADDR is set, RANK and WORLD_SIZE (torchrun), else
  /// SLURM_PROCID and SLURM_NTASKS, else OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE, else PMI_RANK and
  /// PMI_SIZE, meeting at MASTER_ADDR:MASTER_PORT (29500); otherwise this process alone. Waits until all
  /// have come. Throws TrainingError for an environment that makes no sense, for ranks that do not come
  /// within `timeout`, and where LibTorch was built without the backend that `device` needs.
  static Ranks from_environment(torch::Device device, std::chrono::seconds timeout);
  /// The device of this rank: "cuda" without a number becomes that of the rank on its machine (LOCAL_RANK,
  /// SLURM_LOCALID, OMPI_COMM_WORLD_LOCAL_RANK, MPI_LOCALRANKID).
  [[nodiscard]] static torch::Device local_device(torch::Device device);

  [[nodiscard]] std::int64_t rank() const { return rank_; }
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// Whether this is the rank that writes what a run writes.
  [[nodiscard]] bool first() const { return rank_ == 0; }

  /// Replaces each tensor by its sum over all ranks. All ranks must call it with tensors of the same shapes.
  /// Throws TrainingError where a rank has ended or does not come within the timeout.
  void sum(const std::vector<torch::Tensor>& tensors) const;
  /// The first rank's value, on all of them. Throws as `sum`.
  [[nodiscard]] double agree(double value) const;
  /// The last call of a run: waits until the first rank has come as far, lest one leaves while another still
  /// hears from it. Ranks that are gone already are not missed.
  void part() const noexcept;

 private:
  struct Group;

  std::int64_t rank_ = 0, size_ = 1;
  std::unique_ptr<Group> group_;
};

}  // namespace partita::training
