#include "worker/data/dataset.h"

#include "absl/strings/str_cat.h"

namespace sluice::data {

absl::Status Dataset::CheckIndex(int64_t index) const {
  if (index >= 0 && index < size()) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("image index is ", index, ", expected one in [0, ", size() - 1, "]"));
}

}  // namespace sluice::data
