#include "partita/training/ranks.hpp"

#include <charconv>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "partita/base/text.hpp"

#ifdef PARTITA_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef PARTITA_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace partita::training {
namespace {

/// The first of these variables of the environment that is set, as a number.
std::optional<std::int64_t> number(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* text = std::getenv(name);
    if (text == nullptr) continue;
    const std::string_view value(text);
    std::int64_t result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc() || end != value.data() + value.size() || result < 0) {
      fail<TrainingError>("{} is '{}', expected a number of 0 or more", name, value);
    }
    return result;
  }
  return std::nullopt;
}

struct Meeting {
  std::int64_t rank = 0, size = 1;
  std::string address;
  std::uint16_t port = c10d::TCPStoreOptions::kDefaultPort;
};

Meeting meeting() {
  Meeting place;
  const char* address = std::getenv("MASTER_ADDR");
  if (address == nullptr) return place;
  place.address = address;
  place.rank = number({"RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"}).value_or(0);
  place.size = number({"WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}).value_or(1);
  const std::int64_t port = number({"MASTER_PORT"}).value_or(place.port);
  if (place.size < 1 || place.rank >= place.size) {
    fail<TrainingError>("the environment says rank {} of {}: RANK counts from 0 to WORLD_SIZE − 1",
                        place.rank, place.size);
  }
  if (port < 1 || port > 65535) fail<TrainingError>("MASTER_PORT is {}, expected 1 to 65535", port);
  place.port = static_cast<std::uint16_t>(port);
  return place;
}

/// c10d's errors are LibTorch's and Gloo's own; all are std::exception.
template <class Work>
void guarded(const std::string& who, const char* what, const Work& work) {
  try {
    work();
  } catch (const std::exception& error) {
    fail<TrainingError>("{}: {} ({})", who, what, first_line(error.what()));
  }
}

}  // namespace

struct Ranks::Group {
  Group(std::string name, torch::Device on) : who(std::move(name)), device(on) {}
  virtual ~Group() = default;
  virtual void sum(torch::Tensor& tensor) = 0;
  virtual void broadcast(torch::Tensor& tensor) = 0;

  std::string who;
  torch::Device device;
};

namespace {

template <class Base, class Backend>
class BackendGroup final : public Base {
 public:
  BackendGroup(std::string name, torch::Device on, c10::intrusive_ptr<Backend> backend)
      : Base(std::move(name), on), backend_(std::move(backend)) {}
  void sum(torch::Tensor& tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    backend_->allreduce(tensors)->wait();
  }
  void broadcast(torch::Tensor& tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    backend_->broadcast(tensors)->wait();
  }

 private:
  c10::intrusive_ptr<Backend> backend_;
};

using StorePointer = c10::intrusive_ptr<c10d::Store>;

template <class Backend>
c10::intrusive_ptr<Backend> connect(const StorePointer& store, const Meeting& place,
                                    c10::intrusive_ptr<typename Backend::Options> options,
                                    std::chrono::seconds timeout) {
  options->timeout = timeout;
  return c10::make_intrusive<Backend>(store, static_cast<int>(place.rank), static_cast<int>(place.size),
                                      std::move(options));
}

#ifdef PARTITA_GLOO
/// The interface that the user names; ranks that meet on the loopback stay there; otherwise that of this
/// machine's name.
c10::intrusive_ptr<c10d::ProcessGroupGloo::Options> gloo_options(const std::string& address) {
  using Gloo = c10d::ProcessGroupGloo;
  auto options = Gloo::Options::create();
  const bool loopback = address == "localhost" || address.starts_with("127.");
  if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME"); interface != nullptr) {
    options->devices.push_back(Gloo::createDeviceForInterface(interface));
  } else {
    options->devices.push_back(loopback ? Gloo::createDeviceForHostname(address)
                                        : Gloo::createDefaultDevice());
  }
  return options;
}
#endif

/// The group of a device's backend; nothing where LibTorch was built without it.
template <class Base>
std::unique_ptr<Base> open_group(const std::string& who, torch::Device device, const StorePointer& store,
                                 const Meeting& place, std::chrono::seconds timeout) {
#ifdef PARTITA_NCCL
  using Nccl = c10d::ProcessGroupNCCL;
  if (device.is_cuda()) {
    return std::make_unique<BackendGroup<Base, Nccl>>(
        who, device, connect<Nccl>(store, place, Nccl::Options::create(), timeout));
  }
#endif
#ifdef PARTITA_GLOO
  using Gloo = c10d::ProcessGroupGloo;
  if (device.is_cpu()) {
    return std::make_unique<BackendGroup<Base, Gloo>>(
        who, device, connect<Gloo>(store, place, gloo_options(place.address), timeout));
  }
#endif
  return nullptr;
}

}  // namespace

Ranks::Ranks() = default;
Ranks::~Ranks() = default;
Ranks::Ranks(Ranks&&) noexcept = default;
Ranks& Ranks::operator=(Ranks&&) noexcept = default;

Ranks Ranks::from_environment(torch::Device device, std::chrono::seconds timeout) {
  const Meeting place = meeting();
  Ranks ranks;
  if (place.size == 1) return ranks;
  ranks.rank_ = place.rank;
  ranks.size_ = place.size;
  const std::string who = fmt::format("rank {} of {}", place.rank, place.size);
  guarded(who, "the ranks did not all meet at MASTER_ADDR:MASTER_PORT", [&] {
    c10d::TCPStoreOptions options;
    options.port = place.port;
    options.isServer = place.rank == 0;
    options.numWorkers = static_cast<std::size_t>(place.size);
    options.timeout = timeout;
    const auto store = c10::make_intrusive<c10d::TCPStore>(place.address, options);
    ranks.group_ = open_group<Group>(who, device, store, place, timeout);
  });
  if (ranks.group_ == nullptr) {
    fail<TrainingError>("{}: this program was built without LibTorch's {}, which ranks on {} need", who,
                        device.is_cuda() ? "NCCL backend" : "Gloo backend", device.str());
  }
  return ranks;
}

torch::Device Ranks::local_device(torch::Device device) {
  if (!device.is_cuda() || std::getenv("MASTER_ADDR") == nullptr) return device;
  const auto local = number({"LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"});
  return local ? torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(*local)) : device;
}

void Ranks::sum(const std::vector<torch::Tensor>& tensors) const {
  if (group_ == nullptr) return;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> flat;
  flat.reserve(tensors.size());
  for (const torch::Tensor& tensor : tensors) {
    flat.push_back(tensor.reshape(-1).to(group_->device, torch::kFloat32));
  }
  torch::Tensor all = torch::cat(flat);
  guarded(group_->who, "another rank has ended, or did not answer in time", [&] { group_->sum(all); });
  std::int64_t at = 0;
  for (const torch::Tensor& tensor : tensors) {
    tensor.copy_(all.narrow(0, at, tensor.numel()).view(tensor.sizes()));
    at += tensor.numel();
  }
}

double Ranks::agree(double value) const {
  if (group_ == nullptr) return value;
  torch::Tensor shared =
      torch::full({1}, value, torch::TensorOptions(torch::kFloat64).device(group_->device));
  guarded(group_->who, "another rank has ended, or did not answer in time",
          [&] { group_->broadcast(shared); });
  return shared.item<double>();
}

void Ranks::part() const noexcept {
  try {
    (void)agree(0.0);
  } catch (const std::exception&) {
    // Whoever has left has heard all that it needed.
  }
}

}  // namespace partita::training
