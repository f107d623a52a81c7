#include "sidecar/ctl/image_files.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/ctl/argument_checks.h"

namespace sluice::ctl {
namespace {

namespace fs = std::filesystem;

bool IsImage(const fs::path& path) {
  const std::string end = absl::AsciiStrToLower(path.extension().string());
  return end == ".jpg" || end == ".jpeg" || end == ".png";
}

absl::Status Bad(const std::string& path, const std::string& expected) {
  return Invalid("PATH", path, expected);
}

ImageFile Make(const fs::path& path, const std::string& class_name) {
  return {path.string(), path.lexically_normal().string(), class_name};
}

// The images below `folder`. Their class is the first folder below it, unless there is one.
absl::StatusOr<std::vector<ImageFile>> Walk(const std::string& folder,
                                            const std::string& class_name) {
  std::vector<ImageFile> images;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const fs::path& path = it->path();
    std::error_code ignored;
    if (path.filename().string().front() == '.') {
      if (it->is_directory(ignored)) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file(ignored) || !IsImage(path)) continue;
    if (class_name.empty() && it.depth() == 0)
      return Bad(path.string(), "it in a folder named after its class, or --class NAME");
    const std::string below = path.lexically_relative(folder).begin()->string();
    images.push_back(Make(path, class_name.empty() ? below : class_name));
  }
  if (error) return Bad(folder, absl::StrCat("a folder that can be listed: ", error.message()));
  if (images.empty()) return Bad(folder, "files in it that end in .jpg, .jpeg or .png");
  std::sort(images.begin(), images.end(),
            [](const ImageFile& a, const ImageFile& b) { return a.path < b.path; });
  return images;
}

}  // namespace

absl::StatusOr<std::vector<ImageFile>> FindImages(const std::vector<std::string>& paths,
                                                  const std::string& class_name) {
  std::vector<ImageFile> images;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      SLUICE_ASSIGN_OR_RETURN(const std::vector<ImageFile> found, Walk(path, class_name));
      images.insert(images.end(), found.begin(), found.end());
    } else if (!fs::is_regular_file(path, error)) {
      return Bad(path, "a file or a folder that is there");
    } else if (class_name.empty()) {
      return Bad(path, "--class NAME with a file, or a folder with a folder per class");
    } else {
      images.push_back(Make(path, class_name));
    }
  }
  for (const ImageFile& image : images)
    if (!IsUtf8(image.id) || !IsUtf8(image.class_name))
      return Invalid("PATH", image.path, "a path in UTF-8");
  return images;
}

}  // namespace sluice::ctl
