#include "worker/dist/compressed_sum.h"

#include <optional>

#include "common/status.h"

namespace sluice::dist {
namespace {

std::exception_ptr GivenUp() {
  return std::make_exception_ptr(std::runtime_error("the sum was given up"));
}

}  // namespace

CompressedSum::CompressedSum(c10::intrusive_ptr<c10d::ProcessGroup> group, int size)
    : group_(std::move(group)), size_(size), thread_([this] { Run(); }) {}

CompressedSum::~CompressedSum() {
  {
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  thread_.join();
  const absl::MutexLock lock(&mutex_);
  for (const Job& job : jobs_) job.done->setError(GivenUp());
}

c10::intrusive_ptr<c10::ivalue::Future> CompressedSum::Sum(const torch::Tensor& values) {
  SLUICE_CHECK(values.is_contiguous() && values.is_cpu());
  auto done = c10::make_intrusive<c10::ivalue::Future>(c10::TensorType::get());
  const absl::MutexLock lock(&mutex_);
  jobs_.push_back({values, done});
  return done;
}

void CompressedSum::Run() {
  std::exception_ptr failure;
  while (true) {
    std::optional<Job> job;
    {
      const absl::MutexLock lock(&mutex_);
      const auto wakes = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
        return closed_ || !jobs_.empty();
      };
      mutex_.Await(absl::Condition(&wakes));
      if (closed_) return;
      job.emplace(std::move(jobs_.front()));
      jobs_.pop_front();
    }
    // A group whose collective has failed is of no more use.
    if (failure == nullptr) {
      try {
        SumNow(job->values);
      } catch (...) {
        failure = std::current_exception();
      }
    }
    if (failure != nullptr) {
      job->done->setError(failure);
    } else {
      job->done->markCompleted(job->values);
    }
  }
}

void CompressedSum::SumNow(const torch::Tensor& values) {
  const torch::NoGradGuard no_graph;
  const int64_t count = values.numel();
  const int64_t part = (count + size_ - 1) / size_;
  const auto bf16 = torch::dtype(torch::kBFloat16);
  // Row r is what rank r sums.
  torch::Tensor mine = torch::zeros({size_, part}, bf16);
  mine.view(-1).narrow(0, 0, count).copy_(values.view(-1));
  torch::Tensor theirs = torch::empty({size_, part}, bf16);
  std::vector<int64_t> equal;
  torch::Tensor in = theirs.view(torch::kByte), out = mine.view(torch::kByte);
  group_->alltoall_base(in, out, equal, equal)->wait();
  torch::Tensor sum = theirs[0].to(torch::kFloat);
  for (int64_t r = 1; r < size_; ++r) sum += theirs[r].to(torch::kFloat);
  std::vector<torch::Tensor> summed = {sum.to(torch::kBFloat16).view(torch::kByte)};
  std::vector<std::vector<torch::Tensor>> all = {mine.view(torch::kByte).unbind(0)};
  group_->allgather(all, summed)->wait();
  torch::Tensor(values).view(-1).copy_(mine.view(-1).narrow(0, 0, count));
}

}  // namespace sluice::dist
