#pragma once

#include <memory>
#include <string>
#include <vector>

#include "worker/data/dataset.h"
#include "worker/ingest/spool_reader.h"

namespace sluice::ingest {

// A dataset with what a spool adds to it: the first `base_images` of the base, then the spool's
// records as far as its reader knows them. What has an index keeps it. Thread-safe.
class GrownDataset : public data::Dataset {
 public:
  // The reader yields images of the base's shape. `base_images`: all of the base, or 0.
  GrownDataset(std::shared_ptr<const data::Dataset> base, int64_t base_images,
               std::shared_ptr<const SpoolReader> spool)
      : base_(std::move(base)), base_images_(base_images), spool_(std::move(spool)) {}

  int64_t size() const override { return base_images_ + spool_->images(); }
  data::ImageShape shape() const override { return base_->shape(); }
  const std::vector<std::string>& class_names() const override { return base_->class_names(); }
  absl::StatusOr<data::Sample> Get(int64_t index) const override;

 private:
  const std::shared_ptr<const data::Dataset> base_;
  const int64_t base_images_;
  const std::shared_ptr<const SpoolReader> spool_;
};

}  // namespace sluice::ingest
