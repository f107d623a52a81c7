#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "worker/dist/process_group.h"
#include "worker/torch.h"

namespace sluice::dist {

// Adds NCCL for CUDA tensors to `group`. In a build without CUDA it throws with a message that says
// so; with CUDA but without a GPU NCCL's own error is thrown by the first collective.
void AddNcclBackend(const c10::intrusive_ptr<c10d::ProcessGroup>& group,
                    const c10::intrusive_ptr<c10d::Store>& store, const GroupOptions& options);

}  // namespace sluice::dist
