#include "worker/dist/control.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"

namespace sluice::dist {
namespace {

// Places in the vector. The version goes in twice, plain and squared: by Cauchy and Schwarz R *
// sum(v^2) equals (sum v)^2 exactly when all R versions are equal, so every rank sees a mismatch in
// the same sums.
enum Slot {
  kImages,
  kImagesOpen,
  kTokens,
  kTokensOpen,
  kStop,
  kPause,
  kCheckpoint,
  kResume,
  kVersion,
  kVersionSquared,
  kOfferedVersion,
  kOfferedBytes,
  kSlots
};

}  // namespace

void ControlExchange::Start(const ControlInput& input) {
  vector_ = torch::zeros({kSlots}, torch::kLong);
  int64_t* v = vector_.data_ptr<int64_t>();
  v[kImages] = input.images;
  v[kImagesOpen] = input.images_open;
  v[kTokens] = input.tokens;
  v[kTokensOpen] = input.tokens_open;
  v[kStop] = input.stop ? 1 : 0;
  v[kPause] = input.pause ? 1 : 0;
  v[kCheckpoint] = input.checkpoint ? 1 : 0;
  v[kResume] = input.resume ? 1 : 0;
  v[kVersion] = static_cast<int64_t>(input.applied_version);
  v[kVersionSquared] = static_cast<int64_t>(input.applied_version * input.applied_version);
  v[kOfferedVersion] = static_cast<int64_t>(input.offered_version);
  v[kOfferedBytes] = input.offered_bytes;
  work_ = group_.size() > 1 ? group_.StartSum(vector_) : nullptr;
}

void ControlExchange::StartStatistics(const std::vector<double>& values) {
  statistics_tensor_ = torch::tensor(values, torch::kDouble);
  statistics_work_ = group_.size() > 1 ? group_.StartSum(statistics_tensor_) : nullptr;
}

absl::StatusOr<ControlResult> ControlExchange::Finish() {
  SLUICE_RETURN_IF_ERROR(Guard("control all-reduce", [&] {
    if (work_) work_->wait();
    if (statistics_work_) statistics_work_->wait();
  }));
  if (statistics_tensor_.defined()) {  // A paused run exchanges none.
    const double* s = statistics_tensor_.data_ptr<double>();
    statistics_.assign(s, s + statistics_tensor_.numel());
  }
  const int64_t* v = vector_.data_ptr<int64_t>();
  ControlResult result;
  result.images = v[kImages];
  result.images_open = v[kImagesOpen];
  result.tokens = v[kTokens];
  result.tokens_open = v[kTokensOpen];
  result.stop = v[kStop] > 0;
  result.pause = v[kPause] > 0;
  result.checkpoint = v[kCheckpoint] > 0;
  result.resume = v[kResume] > 0;
  const auto sum = static_cast<uint64_t>(v[kVersion]);
  result.versions_agree =
      static_cast<uint64_t>(group_.size()) * static_cast<uint64_t>(v[kVersionSquared]) == sum * sum;
  result.offered_version = static_cast<uint64_t>(v[kOfferedVersion]);
  result.offered_bytes = v[kOfferedBytes];
  return result;
}

absl::Status DescribeMismatch(Group& group, uint64_t applied_version, uint64_t step) {
  SLUICE_ASSIGN_OR_RETURN(
      const std::vector<torch::Tensor> versions,
      group.Gather(torch::tensor({static_cast<int64_t>(applied_version)}, torch::kLong)));
  std::vector<std::string> parts;
  for (size_t r = 0; r < versions.size(); ++r) {
    parts.push_back(absl::StrCat("rank ", r, " version ", versions[r].item<int64_t>()));
  }
  return absl::AbortedError(
      absl::StrCat("directives do not agree at step ", step, ": ", absl::StrJoin(parts, ", ")));
}

}  // namespace sluice::dist
