#pragma once

#include <functional>
#include <vector>

#include "worker/torch.h"

namespace sluice::model {

// Blocks in front of a gate run twice: over all rows without a graph, and over the open ones with
// it. What their linear layers gave the first time is the same the second time, so it is noted and
// not multiplied again.

// While one is alive on a thread, Linear notes its results in `results` (borrowed), in the order of
// the calls. Not under autocast.
class RecordProducts {
 public:
  explicit RecordProducts(std::vector<torch::Tensor>* results);
  ~RecordProducts();
  RecordProducts(const RecordProducts&) = delete;
  RecordProducts& operator=(const RecordProducts&) = delete;

  // Notes `y` if one is alive.
  static void Note(const torch::Tensor& y);

 private:
  std::vector<torch::Tensor>* before_;
};

// While one is alive on a thread, calls of Linear take what the same calls gave before, reduced to
// the rows that they are about now by `take`. If `results` is empty, they compute.
class RecallProducts {
 public:
  using Take = std::function<torch::Tensor(const torch::Tensor& rows)>;
  RecallProducts(std::vector<torch::Tensor> results, Take take);
  ~RecallProducts();
  RecallProducts(const RecallProducts&) = delete;
  RecallProducts& operator=(const RecallProducts&) = delete;

  // The next result; undefined if none is alive, or there is nothing to recall.
  static torch::Tensor Next();

 private:
  std::vector<torch::Tensor> results_;
  Take take_;
  size_t next_ = 0;
  RecallProducts* before_;
};

}  // namespace sluice::model
