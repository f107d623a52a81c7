#include "worker/dist/process_group.h"

#include <cstring>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status.h"
#include "worker/dist/nccl_backend.h"
#include "worker/dist/route.h"

namespace sluice::dist {
namespace {

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// The device by which this machine reaches rank 0's, and so all ranks, who find each other there.
std::shared_ptr<::gloo::transport::Device> DeviceTowards(const GroupOptions& options) {
  const absl::StatusOr<std::string> own =
      AddressTowards(options.master_address, options.master_port);
  return own.ok() ? c10d::ProcessGroupGloo::createDeviceForHostname(*own)
                  : c10d::ProcessGroupGloo::createDefaultDevice();
}

c10::intrusive_ptr<c10d::ProcessGroup> MakeGroup(const c10::intrusive_ptr<c10d::Store>& store,
                                                 const GroupOptions& options) {
  auto prefixed =
      c10::make_intrusive<c10d::PrefixStore>(absl::StrCat("sluice/", options.prefix), store);
  prefixed->setTimeout(Milliseconds(options.timeout_seconds));
  auto group = c10::make_intrusive<c10d::ProcessGroup>(prefixed, options.rank, options.size);
  auto gloo_options =
      c10d::ProcessGroupGloo::Options::create(Milliseconds(options.timeout_seconds));
  gloo_options->devices.push_back(DeviceTowards(options));
  auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(prefixed, options.rank, options.size,
                                                          gloo_options);
  group->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO, gloo);
  group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
  if (options.cuda) AddNcclBackend(group, prefixed, options);
  return group;
}

}  // namespace

absl::Status Guard(const std::string& what, const std::function<void()>& call) {
  const auto failed = [&what](const std::string& text) {
    return absl::UnavailableError(absl::StrCat(what, ": ", text.substr(0, text.find('\n'))));
  };
  try {
    call();
    return absl::OkStatus();
  } catch (const c10::Error& e) {
    return failed(e.what_without_backtrace());
  } catch (const std::exception& e) {
    return failed(e.what());
  }
}

absl::StatusOr<c10::intrusive_ptr<c10d::Store>> ServeStore(uint16_t* port) {
  c10::intrusive_ptr<c10d::Store> store;
  SLUICE_RETURN_IF_ERROR(Guard("serve the ranks' store", [&] {
    c10d::TCPStoreOptions options;
    options.port = 0;
    options.isServer = true;
    options.waitWorkers = false;
    auto tcp = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
    *port = tcp->getPort();
    store = tcp;
  }));
  return store;
}

absl::StatusOr<Group> Group::Join(const GroupOptions& options) {
  c10::intrusive_ptr<c10d::Store> store;
  const std::string address = absl::StrCat(options.master_address, ":", options.master_port);
  SLUICE_RETURN_IF_ERROR(Guard(absl::StrCat("reach the ranks' store at ", address), [&] {
    c10d::TCPStoreOptions tcp;
    tcp.port = options.master_port;
    tcp.isServer = options.host_store;
    tcp.waitWorkers = false;
    tcp.timeout = Milliseconds(options.timeout_seconds);
    store = c10::make_intrusive<c10d::TCPStore>(options.master_address, tcp);
  }));
  return JoinOver(store, options);
}

absl::StatusOr<Group> Group::Alone() {
  return JoinOver(c10::make_intrusive<c10d::HashStore>(), GroupOptions());
}

absl::StatusOr<Group> Group::JoinOver(c10::intrusive_ptr<c10d::Store> store,
                                      const GroupOptions& options) {
  c10::intrusive_ptr<c10d::ProcessGroup> group, second;
  SLUICE_RETURN_IF_ERROR(
      Guard(absl::StrCat("rank ", options.rank, " of ", options.size, " joins the group"), [&] {
        group = MakeGroup(store, options);
        if (!options.second) return;
        GroupOptions more = options;
        more.prefix += "/second";
        second = MakeGroup(store, more);
      }));
  return Group(options.rank, options.size, std::move(group), std::move(second));
}

c10::intrusive_ptr<c10d::Work> Group::StartSum(torch::Tensor& tensor) {
  std::vector<torch::Tensor> tensors = {tensor};
  return process_group_->allreduce(tensors);
}

absl::Status Group::Sum(torch::Tensor& tensor) {
  return Guard("all-reduce", [&] { StartSum(tensor)->wait(); });
}

absl::Status Group::Broadcast(std::vector<uint8_t>& bytes) {
  torch::Tensor tensor =
      torch::from_blob(bytes.data(), {static_cast<int64_t>(bytes.size())}, torch::kByte);
  return Guard("broadcast", [&] {
    std::vector<torch::Tensor> tensors = {tensor};
    process_group_->broadcast(tensors)->wait();
  });
}

absl::StatusOr<std::vector<torch::Tensor>> Group::Gather(const torch::Tensor& values) {
  std::vector<std::vector<torch::Tensor>> outputs(1);
  for (int r = 0; r < size_; ++r) outputs[0].push_back(torch::empty_like(values));
  SLUICE_RETURN_IF_ERROR(Guard("all-gather", [&] {
    std::vector<torch::Tensor> inputs = {values};
    process_group_->allgather(outputs, inputs)->wait();
  }));
  return outputs[0];
}

absl::Status Group::Barrier() {
  return Guard("barrier", [&] { process_group_->barrier()->wait(); });
}

}  // namespace sluice::dist
