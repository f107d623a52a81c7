#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"

namespace sluice::data {

// Square images of another dataset at another size, bicubic, and grey ones repeated in every
// channel; ids and labels stay what they are there.
class Resized : public Dataset {
 public:
  // `shape` is square, with the base's channels or, of a grey base, any number. INVALID_ARGUMENT
  // with both shapes otherwise.
  static absl::StatusOr<std::shared_ptr<const Dataset>> Make(std::shared_ptr<const Dataset> base,
                                                             const ImageShape& shape);

  int64_t size() const override { return base_->size(); }
  ImageShape shape() const override { return shape_; }
  const std::vector<std::string>& class_names() const override { return base_->class_names(); }
  absl::StatusOr<Sample> Get(int64_t index) const override;

 private:
  Resized(std::shared_ptr<const Dataset> base, const ImageShape& shape)
      : base_(std::move(base)), shape_(shape) {}

  std::shared_ptr<const Dataset> base_;
  ImageShape shape_;
};

}  // namespace sluice::data
