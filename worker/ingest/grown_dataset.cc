#include "worker/ingest/grown_dataset.h"

#include "common/status.h"

namespace sluice::ingest {

absl::StatusOr<data::Sample> GrownDataset::Get(int64_t index) const {
  SLUICE_RETURN_IF_ERROR(CheckIndex(index));
  return index < base_images_ ? base_->Get(index) : spool_->Get(index - base_images_);
}

}  // namespace sluice::ingest
