#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/torch.h"

namespace sluice::dist {

// Who and where this rank is.
struct GroupOptions {
  int rank = 0;
  int size = 1;
  std::string master_address = "127.0.0.1";
  uint16_t master_port = 0;
  bool host_store = false;   // This rank serves the store; otherwise somebody else does.
  std::string prefix = "0";  // Keys of different generations must not meet.
  double timeout_seconds = 60.0;
  bool cuda = false;    // NCCL for tensors on the GPU.
  bool second = false;  // A second group over the same ranks, for another thread's collectives.
};

// Runs `call`, which may throw LibTorch's exceptions; an exception becomes UNAVAILABLE (a
// collective that failed or timed out) with `what` before its first line.
absl::Status Guard(const std::string& what, const std::function<void()>& call);

// Serves a store on a free port of the loopback interface, for local ranks. Lives in the launcher,
// so that a dead rank does not take it along. `port` receives the port.
absl::StatusOr<c10::intrusive_ptr<c10d::Store>> ServeStore(uint16_t* port);

// The ranks of one run. Collectives of a group must be called in the same order on every rank, from
// one thread.
class Group {
 public:
  // Joins all ranks or fails within the timeout, with the address in the message.
  static absl::StatusOr<Group> Join(const GroupOptions& options);
  // A group of one, without any connection.
  static absl::StatusOr<Group> Alone();
  // Joins over a store that is there already; for ranks that are threads of one process.
  static absl::StatusOr<Group> JoinOver(c10::intrusive_ptr<c10d::Store> store,
                                        const GroupOptions& options);

  // Starts a sum over all ranks, in place; wait on the result. Throws what LibTorch throws.
  c10::intrusive_ptr<c10d::Work> StartSum(torch::Tensor& tensor);
  // Sum over all ranks, in place.
  absl::Status Sum(torch::Tensor& tensor);
  // `bytes` of rank 0 on every rank. All ranks must know the size.
  absl::Status Broadcast(std::vector<uint8_t>& bytes);
  // Every rank's `values`, in rank order; all of one size.
  absl::StatusOr<std::vector<torch::Tensor>> Gather(const torch::Tensor& values);
  absl::Status Barrier();

  int rank() const { return rank_; }
  int size() const { return size_; }
  const c10::intrusive_ptr<c10d::ProcessGroup>& process_group() const { return process_group_; }
  // Null unless the options asked for it.
  const c10::intrusive_ptr<c10d::ProcessGroup>& second_group() const { return second_group_; }

 private:
  Group(int rank, int size, c10::intrusive_ptr<c10d::ProcessGroup> group,
        c10::intrusive_ptr<c10d::ProcessGroup> second)
      : rank_(rank),
        size_(size),
        process_group_(std::move(group)),
        second_group_(std::move(second)) {}

  int rank_;
  int size_;
  c10::intrusive_ptr<c10d::ProcessGroup> process_group_;
  c10::intrusive_ptr<c10d::ProcessGroup> second_group_;
};

}  // namespace sluice::dist
