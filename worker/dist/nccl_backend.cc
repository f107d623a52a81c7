#include "worker/dist/nccl_backend.h"

#ifdef SLUICE_WITH_CUDA
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace sluice::dist {

#ifdef SLUICE_WITH_CUDA
void AddNcclBackend(const c10::intrusive_ptr<c10d::ProcessGroup>& group,
                    const c10::intrusive_ptr<c10d::Store>& store, const GroupOptions& options) {
  auto nccl = c10d::ProcessGroupNCCL::Options::create();
  nccl->timeout = std::chrono::milliseconds(static_cast<int64_t>(options.timeout_seconds * 1000));
  auto backend =
      c10::make_intrusive<c10d::ProcessGroupNCCL>(store, options.rank, options.size, nccl);
  group->setBackend(c10::DeviceType::CUDA, c10d::ProcessGroup::BackendType::NCCL, backend);
}
#else
void AddNcclBackend(const c10::intrusive_ptr<c10d::ProcessGroup>&,
                    const c10::intrusive_ptr<c10d::Store>&, const GroupOptions&) {
  TORCH_CHECK(false, "device is 'cuda', but this build has no NCCL: build the preset cuda");
}
#endif

}  // namespace sluice::dist
