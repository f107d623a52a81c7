#include "worker/dist/grad_reducer.h"

#include <algorithm>
#include <torch/csrc/distributed/c10d/reducer.hpp>

namespace sluice::dist {
namespace {

// A first bucket that is small, so that sending starts early in the backward.
constexpr size_t kFirstBucketBytes = size_t{1} << 20;
constexpr size_t kBucketBytes = size_t{8} << 20;

class SumHook : public c10d::CppCommHookInterface<c10::intrusive_ptr<c10d::ProcessGroup>> {
 public:
  using CppCommHookInterface::CppCommHookInterface;
  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    std::vector<torch::Tensor> tensors = {bucket.getBufferRef()};
    return state_->allreduce(tensors)->getFuture();
  }
};

}  // namespace

GradReducer::GradReducer(const Group& group, const std::vector<torch::Tensor>& parameters,
                         const std::vector<std::string>& names) {
  if (group.size() == 1) return;
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
      parameters, {kFirstBucketBytes, kBucketBytes}, std::vector<bool>(parameters.size(), false));
  // Gradients come in about the reverse order of the parameters.
  std::reverse(buckets.begin(), buckets.end());
  std::unordered_map<size_t, std::string> name_of;
  for (size_t i = 0; i < names.size(); ++i) name_of[i] = names[i];
  reducer_ = std::make_unique<c10d::Reducer>(
      parameters, buckets, group.process_group(), std::vector<bool>(parameters.size(), false),
      kBucketBytes,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true, name_of,
      kFirstBucketBytes, /*skip_all_reduce_unused_params=*/false,
      /*use_python_reducer=*/false, std::vector<int64_t>());
  reducer_->register_comm_hook(std::make_unique<SumHook>(group.process_group()));
}

GradReducer::~GradReducer() = default;

absl::Status GradReducer::Backward(const torch::Tensor& loss, bool reduce) {
  return Guard("gradient all-reduce", [&] {
    if (reducer_ != nullptr && reduce) reducer_->prepare_for_backward({loss});
    loss.backward();
  });
}

torch::Tensor TouchAll(const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> firsts;
  for (const torch::Tensor& p : parameters) firsts.push_back(p.view(-1)[0]);
  return at::stack(firsts).sum() * 0;
}

}  // namespace sluice::dist
