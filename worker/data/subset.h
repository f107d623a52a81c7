#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"

namespace sluice::data {

// Some images of another dataset; ids and labels stay what they are there.
class Subset : public Dataset {
 public:
  // `spec` is one of
  //   all                 every image,
  //   first:COUNT         the first COUNT,
  //   range:BEGIN-END     from BEGIN up to, without, END,
  //   random:COUNT:SEED   COUNT different ones drawn by SEED, in the base's order; a smaller COUNT
  //                       of the same seed draws a part of them.
  // INVALID_ARGUMENT with the value and what is accepted if it is none of these or asks for images
  // that `base` does not have.
  static absl::StatusOr<std::shared_ptr<const Dataset>> Make(std::shared_ptr<const Dataset> base,
                                                             const std::string& spec);
  // `indices` lie in [0, base->size()) and are not empty.
  Subset(std::shared_ptr<const Dataset> base, std::vector<int64_t> indices);

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  ImageShape shape() const override { return base_->shape(); }
  const std::vector<std::string>& class_names() const override { return base_->class_names(); }
  absl::StatusOr<Sample> Get(int64_t index) const override;

 private:
  std::shared_ptr<const Dataset> base_;
  std::vector<int64_t> indices_;
};

}  // namespace sluice::data
