#include "worker/data/subset.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status.h"
#include "worker/data/sampler.h"

namespace sluice::data {
namespace {

// No epoch has this number, so that a subset's draws are not an epoch's.
constexpr int64_t kSubsetEpoch = std::numeric_limits<int64_t>::max();

absl::Status Bad(const std::string& spec, int64_t size) {
  return absl::InvalidArgumentError(
      absl::StrCat("subset is '", spec,
                   "', expected all, first:COUNT, range:BEGIN-END or random:COUNT:SEED within ",
                   size, " images"));
}

std::vector<int64_t> Range(int64_t begin, int64_t end) {
  std::vector<int64_t> indices(static_cast<size_t>(end - begin));
  std::iota(indices.begin(), indices.end(), begin);
  return indices;
}

std::vector<int64_t> Random(int64_t size, int64_t count, uint64_t seed) {
  std::vector<int64_t> indices = EpochPermutation(seed, size, kSubsetEpoch);
  indices.resize(static_cast<size_t>(count));
  std::sort(indices.begin(), indices.end());
  return indices;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Dataset>> Subset::Make(std::shared_ptr<const Dataset> base,
                                                            const std::string& spec) {
  if (spec == "all") return base;
  const int64_t size = base->size();
  const std::vector<std::string> parts = absl::StrSplit(spec, ':');
  std::vector<int64_t> indices;
  int64_t count = 0;
  uint64_t seed = 0;
  if (parts.size() == 2 && parts[0] == "first" && absl::SimpleAtoi(parts[1], &count) &&
      count >= 1 && count <= size) {
    indices = Range(0, count);
  } else if (parts.size() == 2 && parts[0] == "range") {
    const std::vector<std::string> ends = absl::StrSplit(parts[1], '-');
    int64_t begin = 0;
    int64_t end = 0;
    if (ends.size() != 2 || !absl::SimpleAtoi(ends[0], &begin) ||
        !absl::SimpleAtoi(ends[1], &end) || begin < 0 || begin >= end || end > size) {
      return Bad(spec, size);
    }
    indices = Range(begin, end);
  } else if (parts.size() == 3 && parts[0] == "random" && absl::SimpleAtoi(parts[1], &count) &&
             absl::SimpleAtoi(parts[2], &seed) && count >= 1 && count <= size) {
    indices = Random(size, count, seed);
  } else {
    return Bad(spec, size);
  }
  return std::make_shared<const Subset>(std::move(base), std::move(indices));
}

Subset::Subset(std::shared_ptr<const Dataset> base, std::vector<int64_t> indices)
    : base_(std::move(base)), indices_(std::move(indices)) {
  SLUICE_CHECK(!indices_.empty());
}

absl::StatusOr<Sample> Subset::Get(int64_t index) const {
  SLUICE_RETURN_IF_ERROR(CheckIndex(index));
  return base_->Get(indices_[static_cast<size_t>(index)]);
}

}  // namespace sluice::data
