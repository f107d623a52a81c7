#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::ctl {

// An image to be sent.
struct ImageFile {
  std::string path{};
  std::string id{};  // Its path as it was named, so that sending it again stores it once.
  std::string class_name{};

  bool operator==(const ImageFile&) const = default;
};

// The images that `paths` name, files and folders, in the order of their paths. With a
// `class_name`: of that class, in folders however deep. Without: a folder has a folder per class,
// and a file has none. Files that do not end in .jpg, .jpeg or .png, and names that start with a
// dot, are passed over in folders. INVALID_ARGUMENT that names the path if one is not there, has no
// image or leaves the class open.
absl::StatusOr<std::vector<ImageFile>> FindImages(const std::vector<std::string>& paths,
                                                  const std::string& class_name);

}  // namespace sluice::ctl
