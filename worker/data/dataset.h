#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/image.h"

namespace sluice::data {

// One labelled image.
struct Sample {
  Image image;        // Values in [0, 1].
  int64_t label = 0;  // Index into class_names().
  uint64_t id = 0;    // Stable name of the image: the same in every subset, run and rank.
};

// Labelled images that can be read in any order. Immutable after construction; every const member
// is safe to call from many threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  // Number of images, at least 1.
  virtual int64_t size() const = 0;
  // The shape of every image.
  virtual ImageShape shape() const = 0;
  // Names of the classes in order of their labels.
  virtual const std::vector<std::string>& class_names() const = 0;
  // The image at `index` in [0, size()); OUT_OF_RANGE for another index, and an error that names
  // the file if the image cannot be read.
  virtual absl::StatusOr<Sample> Get(int64_t index) const = 0;

 protected:
  // OK if `index` is in [0, size()).
  absl::Status CheckIndex(int64_t index) const;
};

}  // namespace sluice::data
