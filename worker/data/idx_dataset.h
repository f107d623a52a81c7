#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"

namespace sluice::data {

// MNIST's pair of IDX files, held in memory as bytes. An image's id is its index in the file.
class IdxDataset : public Dataset {
 public:
  // Reads `FOLDER/SPLIT-images-idx3-ubyte` and `FOLDER/SPLIT-labels-idx1-ubyte`, each plain or with
  // `.gz`. `split` is train, t10k or test (another name of t10k). `class_names` empty means "0" to
  // "9". INVALID_ARGUMENT or NOT_FOUND that names file, value and expectation if the files are
  // missing, damaged or do not fit each other, or if a label has no class.
  static absl::StatusOr<std::unique_ptr<IdxDataset>> Open(
      const std::string& folder, const std::string& split,
      const std::vector<std::string>& class_names = {});

  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  ImageShape shape() const override { return shape_; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  absl::StatusOr<Sample> Get(int64_t index) const override;

 private:
  IdxDataset(ImageShape shape, std::vector<uint8_t> pixels, std::vector<uint8_t> labels,
             std::vector<std::string> class_names);

  ImageShape shape_;
  std::vector<uint8_t> pixels_;
  std::vector<uint8_t> labels_;
  std::vector<std::string> class_names_;
};

}  // namespace sluice::data
