#include "worker/data/image_folder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::data {
namespace {

namespace fs = std::filesystem;

// Sorted names in a folder: its folders, or its image files.
absl::StatusOr<std::vector<std::string>> List(const std::string& folder, bool folders) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    const bool wanted =
        folders ? it->is_directory(ignored) : it->is_regular_file(ignored) && IsImageName(name);
    if (wanted && name.front() != '.') names.push_back(name);
  }
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("list '", folder, "'"));
  std::sort(names.begin(), names.end());
  return names;
}

// Names by label; an error if the labels are not 0 to size - 1.
absl::StatusOr<std::vector<std::string>> NamesOf(const std::map<std::string, int64_t>& label_map) {
  std::vector<std::string> names(label_map.size());
  for (const auto& [name, label] : label_map) {
    if (label < 0 || label >= static_cast<int64_t>(names.size()) ||
        !names[static_cast<size_t>(label)].empty()) {
      return absl::InvalidArgumentError(absl::StrCat("label map gives '", name, "' the label ",
                                                     label, ", expected each of [0, ",
                                                     names.size() - 1, "] once"));
    }
    names[static_cast<size_t>(label)] = name;
  }
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageFolder>> ImageFolder::Open(const std::string& folder,
                                                               const ImageFolderOptions& options) {
  SLUICE_RETURN_IF_ERROR(CheckReadImageOptions(options.read));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> classes, List(folder, true));
  std::unique_ptr<ImageFolder> dataset(new ImageFolder(options));
  if (options.label_map.empty()) {
    dataset->class_names_ = classes;
    for (size_t i = 0; i < classes.size(); ++i) {
      dataset->options_.label_map[classes[i]] = static_cast<int64_t>(i);
    }
  } else {
    SLUICE_ASSIGN_OR_RETURN(dataset->class_names_, NamesOf(options.label_map));
  }
  for (const std::string& name : classes) {
    SLUICE_RETURN_IF_ERROR(dataset->AddClass(folder, name));
  }
  if (dataset->entries_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", folder, "' has no image, expected CLASS/FILE that ends in .jpg, .jpeg or .png"));
  }
  return dataset;
}

absl::Status ImageFolder::AddClass(const std::string& folder, const std::string& name) {
  const auto it = options_.label_map.find(name);
  const std::string path = (fs::path(folder) / name).string();
  if (it == options_.label_map.end()) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "': class '", name,
                                                   "' is not in the label map of ",
                                                   options_.label_map.size(), " classes"));
  }
  SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> files, List(path, false));
  for (const std::string& file : files) {
    entries_.push_back({(fs::path(path) / file).string(), it->second});
  }
  return absl::OkStatus();
}

absl::StatusOr<Sample> ImageFolder::Get(int64_t index) const {
  SLUICE_RETURN_IF_ERROR(CheckIndex(index));
  const Entry& entry = entries_[static_cast<size_t>(index)];
  SLUICE_ASSIGN_OR_RETURN(Image image, ReadImage(entry.path, options_.read));
  return Sample{std::move(image), entry.label, static_cast<uint64_t>(index)};
}

}  // namespace sluice::data
