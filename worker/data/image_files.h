#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/data/read_image.h"

namespace sluice::data {

// Images without labels, by path: JPEG and PNG files, and all such files under a folder, however
// deep, in the order of their paths. Decodes at every Get. Every label is 0; an image's id is its
// position.
class ImageFiles : public Dataset {
 public:
  // NOT_FOUND or INVALID_ARGUMENT with the path if one is missing, is neither file nor folder, or
  // is a folder without an image.
  static absl::StatusOr<std::unique_ptr<ImageFiles>> Open(const std::vector<std::string>& paths,
                                                          const ReadImageOptions& options);

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  ImageShape shape() const override { return {options_.channels, options_.size, options_.size}; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  absl::StatusOr<Sample> Get(int64_t index) const override;

  // Paths by position.
  const std::vector<std::string>& files() const { return files_; }

 private:
  explicit ImageFiles(const ReadImageOptions& options) : options_(options) {}

  ReadImageOptions options_;
  std::vector<std::string> class_names_ = {"unknown"};
  std::vector<std::string> files_;
};

}  // namespace sluice::data
