#include "worker/model/products.h"

#include <exception>
#include <utility>

#include "common/status.h"

namespace sluice::model {
namespace {

thread_local std::vector<torch::Tensor>* recording = nullptr;
thread_local RecallProducts* recalling = nullptr;

}  // namespace

RecordProducts::RecordProducts(std::vector<torch::Tensor>* results) : before_(recording) {
  recording = results;
}

RecordProducts::~RecordProducts() { recording = before_; }

void RecordProducts::Note(const torch::Tensor& y) {
  if (recording != nullptr) recording->push_back(y);
}

RecallProducts::RecallProducts(std::vector<torch::Tensor> results, Take take)
    : results_(std::move(results)), take_(std::move(take)), before_(recalling) {
  recalling = this;
}

RecallProducts::~RecallProducts() {
  recalling = before_;
  // Every product of the first run has its place in the second, or one stood in another's.
  SLUICE_CHECK(next_ == results_.size() || std::uncaught_exceptions() > 0);
}

torch::Tensor RecallProducts::Next() {
  if (recalling == nullptr || recalling->results_.empty()) return {};
  SLUICE_CHECK(recalling->next_ < recalling->results_.size());
  torch::Tensor& whole = recalling->results_[recalling->next_++];
  return recalling->take_(std::exchange(whole, torch::Tensor()));
}

}  // namespace sluice::model
