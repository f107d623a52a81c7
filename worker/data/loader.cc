#include "worker/data/loader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::data {

Loader::Loader(std::shared_ptr<const Dataset> dataset, PipelineConfig config, PlanFunction plan,
               LoaderOptions options)
    : dataset_(std::move(dataset)),
      config_(std::move(config)),
      plan_(std::move(plan)),
      options_(std::move(options)),
      end_step_(options_.end_step),
      next_out_(options_.first_step),
      next_in_(options_.first_step) {
  SLUICE_CHECK(options_.threads >= 1 && options_.prefetch >= 1 && options_.first_step >= 0);
  threads_.reserve(static_cast<size_t>(options_.threads));
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { Run(); });
}

Loader::~Loader() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Loader::Extend(int64_t end_step) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    end_step_ = std::max(end_step_, end_step);
  }
  room_.notify_all();
}

absl::StatusOr<Batch> Loader::Next() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (next_out_ >= end_step_) {
    return absl::OutOfRangeError(absl::StrCat("step ", next_out_, " is past the loader's last"));
  }
  ready_.wait(lock, [this] { return done_.count(next_out_) > 0; });
  const auto it = done_.find(next_out_);
  // An error stays in its place: nothing behind it is handed out.
  if (!it->second.ok()) return it->second.status();
  absl::StatusOr<Batch> batch = std::move(it->second);
  done_.erase(it);
  ++next_out_;
  lock.unlock();
  room_.notify_one();
  if (options_.on_next) options_.on_next(*batch);
  return batch;
}

void Loader::Run() {
  for (;;) {
    int64_t step = 0;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      room_.wait(lock, [this] {
        return stopping_ || (next_in_ < end_step_ && next_in_ - next_out_ < options_.prefetch);
      });
      if (stopping_) return;
      step = next_in_++;
    }
    absl::StatusOr<Batch> batch = Make(step);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_.emplace(step, std::move(batch));
    }
    ready_.notify_one();
  }
}

bool Loader::Stopping() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stopping_;
}

absl::StatusOr<Batch> Loader::Make(int64_t step) {
  const BatchPlan plan = plan_(step);
  Batch batch;
  batch.step = step;
  batch.epoch = plan.epoch;
  batch.count = static_cast<int64_t>(plan.indices.size());
  batch.global_count = plan.global_count;
  batch.shape = dataset_->shape();
  batch.images.reserve(static_cast<size_t>(batch.count * batch.shape.size()));
  for (const int64_t index : plan.indices) {
    if (Stopping()) return absl::CancelledError("the loader is being closed");
    absl::StatusOr<Sample> sample = dataset_->Get(index);
    if (!sample.ok()) return Annotate(sample.status(), absl::StrCat("batch of step ", step));
    const Image image = RunPipeline(config_, *sample, plan.epoch);
    if (image.shape() != batch.shape) {
      return absl::InternalError(
          absl::StrCat("image ", index, " of step ", step, " has another shape than its dataset"));
    }
    batch.images.insert(batch.images.end(), image.pixels.begin(), image.pixels.end());
    batch.labels.push_back(sample->label);
    batch.ids.push_back(sample->id);
  }
  return batch;
}

}  // namespace sluice::data
