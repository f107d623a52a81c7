#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/data/read_image.h"

namespace sluice::data {

struct ImageFolderOptions {
  ReadImageOptions read;
  // Class name to label, 0 to its size - 1. Empty: the folders in order of their names. Given, for
  // an evaluation with the training's labels: a folder that it does not name is an error.
  std::map<std::string, int64_t> label_map;
};

// Images in `FOLDER/CLASS/FILE`, files that end in .jpg, .jpeg or .png in any case; others, and
// names that start with a dot, are passed over. Decodes at every Get. An image's id is its position
// in the order of (class, file).
class ImageFolder : public Dataset {
 public:
  // INVALID_ARGUMENT or NOT_FOUND with the path if the folder cannot be listed, has no image or has
  // a class that the label map does not name.
  static absl::StatusOr<std::unique_ptr<ImageFolder>> Open(const std::string& folder,
                                                           const ImageFolderOptions& options);

  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }
  ImageShape shape() const override {
    return {options_.read.channels, options_.read.size, options_.read.size};
  }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  absl::StatusOr<Sample> Get(int64_t index) const override;

 private:
  struct Entry {
    std::string path;
    int64_t label = 0;
  };
  explicit ImageFolder(ImageFolderOptions options) : options_(std::move(options)) {}
  absl::Status AddClass(const std::string& folder, const std::string& name);

  ImageFolderOptions options_;
  std::vector<std::string> class_names_;
  std::vector<Entry> entries_;
};

}  // namespace sluice::data
