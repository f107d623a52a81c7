#include "worker/dist/grad_reducer.h"

#include <algorithm>
#include <atomic>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <unordered_map>

#include "common/status.h"
#include "worker/dist/compressed_sum.h"

namespace sluice::dist {
namespace {

using Clock = std::chrono::steady_clock;

// Sending starts when the first bucket is full, so a full one is a small part of the backward. The
// last to leave, with the first parameters, is the only one that nothing hides: smaller still.
constexpr size_t kLastBucketBytes = size_t{1} << 20;
constexpr size_t kBucketBytes = size_t{2} << 20;

class ReachFunction : public torch::autograd::Function<ReachFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               at::TensorList parameters) {
    context->saved_data["count"] = static_cast<int64_t>(parameters.size());
    return torch::zeros({}, parameters[0].options());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list&) {
    return torch::autograd::variable_list(context->saved_data["count"].toInt());
  }
};

// The slices' views of a gradient whose elements stand next to each other.
std::vector<torch::Tensor> Views(const torch::Tensor& gradient, const OpenSlices& slices) {
  std::vector<torch::Tensor> views;
  const torch::Tensor flat = gradient.view(-1);
  for (const OpenSlice& s : slices) {
    views.push_back(
        flat.as_strided({s.rows, s.columns}, {s.stride, 1}, flat.storage_offset() + s.offset));
  }
  return views;
}

}  // namespace

// What the hook reads; it may run on the backward's thread.
struct GradReducer::State {
  c10::intrusive_ptr<c10d::ProcessGroup> group;
  std::unordered_map<const at::TensorImpl*, size_t> place;  // Of each parameter in the list.
  std::vector<torch::Tensor> parameters;
  std::vector<OpenSlices> open;  // Empty: all.
  std::atomic<uint64_t> bytes{0};
  // What is on its way may be told of after this object's end.
  std::shared_ptr<OverlapMeter> meter = std::make_shared<OverlapMeter>();
  std::unique_ptr<CompressedSum> compressed;
};

// Sums a bucket over ranks, or of it what is open, packed.
class GradReducer::SumHook : public c10d::CppCommHookInterface<State*> {
 public:
  using CppCommHookInterface::CppCommHookInterface;

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const torch::Tensor buffer = bucket.getBufferRef();
    if (state_->open.empty()) return Sum(buffer);
    std::vector<torch::Tensor> views;
    const std::vector<torch::Tensor> parameters = bucket.getParameters();
    const std::vector<torch::Tensor> gradients = bucket.getGradients();
    for (size_t i = 0; i < parameters.size(); ++i) {
      const size_t place = state_->place.at(parameters[i].unsafeGetTensorImpl());
      for (torch::Tensor& view : Views(gradients[i], state_->open[place]))
        views.push_back(std::move(view));
    }
    if (views.empty()) {
      auto done = c10::make_intrusive<c10::ivalue::Future>(c10::TensorType::get());
      done->markCompleted(buffer);
      return done;
    }
    int64_t values = 0;
    for (const torch::Tensor& view : views) values += view.numel();
    // In the bucket's own order: what is summed does not depend on whether anything rests.
    if (values == buffer.numel()) return Sum(buffer);
    std::vector<torch::Tensor> flat;
    for (const torch::Tensor& view : views) flat.push_back(view.reshape({-1}));
    const torch::Tensor packed = at::cat(flat);
    return Sum(packed)->then(
        [views, packed, buffer](c10::ivalue::Future& summed) {
          summed.wait();
          const torch::NoGradGuard no_graph;
          int64_t at = 0;
          for (const torch::Tensor& view : views) {
            torch::Tensor(view).copy_(packed.narrow(0, at, view.numel()).view_as(view));
            at += view.numel();
          }
          return c10::IValue(buffer);
        },
        c10::TensorType::get());
  }

 private:
  c10::intrusive_ptr<c10::ivalue::Future> Sum(const torch::Tensor& values) {
    const bool whole = state_->compressed == nullptr;
    const uint64_t bytes = whole ? values.nbytes() : CompressedSum::Bytes(values.numel());
    state_->bytes += bytes;
    const uint64_t ticket = state_->meter->Leave(Clock::now(), bytes);
    std::vector<torch::Tensor> tensors = {values};
    auto summed =
        whole ? state_->group->allreduce(tensors)->getFuture() : state_->compressed->Sum(values);
    summed->addCallback([meter = state_->meter, ticket](c10::ivalue::Future&) {
      meter->Arrive(ticket, Clock::now());
    });
    return summed;
  }
};

GradReducer::GradReducer(const Group& group, const std::vector<torch::Tensor>& parameters,
                         const std::vector<std::string>& names, Compression compression)
    : state_(std::make_unique<State>()) {
  state_->parameters = parameters;
  if (group.size() == 1) return;
  state_->group = group.process_group();
  if (compression == Compression::kBf16) {
    SLUICE_CHECK(group.second_group() != nullptr);
    state_->compressed = std::make_unique<CompressedSum>(group.second_group(), group.size());
  }
  for (size_t i = 0; i < parameters.size(); ++i)
    state_->place[parameters[i].unsafeGetTensorImpl()] = i;
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
      parameters, {kLastBucketBytes, kBucketBytes}, std::vector<bool>(parameters.size(), false));
  // Gradients come in about the reverse order of the parameters.
  std::reverse(buckets.begin(), buckets.end());
  std::unordered_map<size_t, std::string> name_of;
  for (size_t i = 0; i < names.size(); ++i) name_of[i] = names[i];
  reducer_ = std::make_unique<c10d::Reducer>(
      parameters, buckets, group.process_group(), std::vector<bool>(parameters.size(), false),
      kBucketBytes,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true, name_of, kLastBucketBytes,
      /*skip_all_reduce_unused_params=*/false,
      /*use_python_reducer=*/false, std::vector<int64_t>());
  reducer_->register_comm_hook(std::make_unique<SumHook>(state_.get()));
}

GradReducer::~GradReducer() = default;

absl::Status GradReducer::Backward(const torch::Tensor& loss, bool reduce) {
  state_->meter->Start(Clock::now());
  const absl::Status status = Guard("gradient all-reduce", [&] {
    const torch::Tensor whole = state_->open.empty() ? loss
                                : loss.defined()     ? loss + ReachAll(state_->parameters)
                                                     : ReachAll(state_->parameters);
    if (reducer_ != nullptr && reduce) reducer_->prepare_for_backward({whole});
    whole.backward();
  });
  state_->meter->End(Clock::now());
  return status;
}

void GradReducer::SetOpen(std::vector<OpenSlices> open) {
  SLUICE_CHECK(open.empty() || open.size() == state_->parameters.size());
  state_->open = std::move(open);
}

uint64_t GradReducer::bytes_sent() const { return state_->bytes; }

Traffic GradReducer::TakeTraffic() { return state_->meter->Take(); }

torch::Tensor ReachAll(const std::vector<torch::Tensor>& parameters) {
  return ReachFunction::apply(at::TensorList(parameters));
}

torch::Tensor TouchAll(const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> firsts;
  for (const torch::Tensor& p : parameters) firsts.push_back(p.view(-1)[0]);
  return at::stack(firsts).sum() * 0;
}

}  // namespace sluice::dist
