#include "worker/data/image_files.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::data {
namespace {

namespace fs = std::filesystem;

// Paths of the image files under `folder`, sorted.
absl::StatusOr<std::vector<std::string>> Walk(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    const std::string name = it->path().filename().string();
    if (it->is_regular_file(ignored) && name.front() != '.' && IsImageName(name)) {
      files.push_back(it->path().string());
    }
  }
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("list '", folder, "'"));
  if (files.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", folder, "' has no image, expected files that end in .jpg, .jpeg or .png"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageFiles>> ImageFiles::Open(const std::vector<std::string>& paths,
                                                             const ReadImageOptions& options) {
  SLUICE_RETURN_IF_ERROR(CheckReadImageOptions(options));
  std::unique_ptr<ImageFiles> result(new ImageFiles(options));
  for (const std::string& path : paths) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) {
      SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> files, Walk(path));
      result->files_.insert(result->files_.end(), files.begin(), files.end());
    } else if (fs::is_regular_file(status)) {
      result->files_.push_back(path);
    } else {
      return absl::NotFoundError(
          absl::StrCat("image '", path, "' is not there, expected a file or a folder"));
    }
  }
  if (result->files_.empty()) return absl::InvalidArgumentError("no image was named");
  return result;
}

absl::StatusOr<Sample> ImageFiles::Get(int64_t index) const {
  SLUICE_RETURN_IF_ERROR(CheckIndex(index));
  SLUICE_ASSIGN_OR_RETURN(Image image, ReadImage(files_[static_cast<size_t>(index)], options_));
  return Sample{std::move(image), 0, static_cast<uint64_t>(index)};
}

}  // namespace sluice::data
