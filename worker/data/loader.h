#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/data/pipeline.h"

namespace sluice::data {

// Which images one step takes.
struct BatchPlan {
  int64_t epoch = 0;
  std::vector<int64_t> indices;
  int64_t global_count = 0;  // Images of all ranks in this step; 0: as many as ever.
};

// The plan of a step, for instance from a Sampler's RankBatch. Called from the loader's threads, so
// it must be thread-safe; the same step always gives the same plan.
using PlanFunction = std::function<BatchPlan(int64_t step)>;

// One step's images, ready for the model.
struct Batch {
  int64_t step = 0;
  int64_t epoch = 0;
  int64_t count = 0;
  int64_t global_count = 0;  // As the plan's.
  ImageShape shape;
  std::vector<float> images;  // [count, channels, height, width], normalised.
  std::vector<int64_t> labels;
  std::vector<uint64_t> ids;
};

struct LoaderOptions {
  int threads = 2;   // At least 1.
  int prefetch = 4;  // Batches ready or in work ahead of the reader, at least 1.
  int64_t first_step = 0;
  int64_t end_step = std::numeric_limits<int64_t>::max();  // The step after the last.
  // Sees each batch that Next hands out, on the thread that calls it. May be empty.
  std::function<void(const Batch&)> on_next{};
};

// Reads and prepares batches on threads of its own. Batches come in order of their steps and are
// the same for any number of threads. Next() is for one thread at a time; the destructor stops the
// threads, which end after the image that each has in hand.
class Loader {
 public:
  // `config` is valid for the dataset's shape (ValidatePipeline).
  Loader(std::shared_ptr<const Dataset> dataset, PipelineConfig config, PlanFunction plan,
         LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Plans of steps up to, without, `end_step` can be had from now on; it never goes back.
  void Extend(int64_t end_step);
  // The next step's batch, waiting for it if need be. OUT_OF_RANGE after the last step. If an image
  // cannot be read, its error in the place of its batch, and again at every further call.
  absl::StatusOr<Batch> Next();

 private:
  void Run();
  absl::StatusOr<Batch> Make(int64_t step);
  bool Stopping();

  const std::shared_ptr<const Dataset> dataset_;
  const PipelineConfig config_;
  const PlanFunction plan_;
  const LoaderOptions options_;

  std::mutex mutex_;  // Guards all below but threads_; never held while an image is read.
  int64_t end_step_;
  std::condition_variable ready_;
  std::condition_variable room_;
  int64_t next_out_;
  int64_t next_in_;
  bool stopping_ = false;
  std::map<int64_t, absl::StatusOr<Batch>> done_;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::data
