#include "worker/data/idx_dataset.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "worker/data/idx_file.h"

namespace sluice::data {
namespace {

constexpr int64_t kMaxSide = 16384;

absl::StatusOr<std::string> FindFile(const std::string& folder, const std::string& name) {
  const std::string plain = (std::filesystem::path(folder) / name).string();
  for (const std::string& path : {plain, plain + ".gz"}) {
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error)) return path;
  }
  return absl::NotFoundError(
      absl::StrCat("neither '", plain, "' nor '", plain, ".gz' is a file, expected one of them"));
}

absl::StatusOr<std::string> FilePrefix(const std::string& split) {
  if (split == "train") return split;
  if (split == "t10k" || split == "test") return std::string("t10k");
  return absl::InvalidArgumentError(
      absl::StrCat("split is '", split, "', expected one of train, t10k, test"));
}

std::vector<std::string> DigitNames() {
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) names.push_back(std::to_string(i));
  return names;
}

absl::Status CheckPair(const std::string& images_path, const IdxFile& images,
                       const std::string& labels_path, const IdxFile& labels, size_t classes) {
  if (images.dimensions[1] > kMaxSide || images.dimensions[2] > kMaxSide) {
    return absl::InvalidArgumentError(
        absl::StrCat("IDX file '", images_path, "': an image has ", images.dimensions[1], " x ",
                     images.dimensions[2], " pixels, expected at most ", kMaxSide, " a side"));
  }
  if (images.dimensions[0] != labels.dimensions[0]) {
    return absl::InvalidArgumentError(
        absl::StrCat("IDX file '", labels_path, "' has ", labels.dimensions[0],
                     " labels, expected one per image: '", images_path, "' has ",
                     images.dimensions[0], " images"));
  }
  for (size_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] < classes) continue;
    return absl::InvalidArgumentError(absl::StrCat("IDX file '", labels_path, "': label ", i,
                                                   " is ", static_cast<int>(labels.values[i]),
                                                   ", expected one in [0, ", classes - 1, "]"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<IdxDataset>> IdxDataset::Open(
    const std::string& folder, const std::string& split,
    const std::vector<std::string>& class_names) {
  SLUICE_ASSIGN_OR_RETURN(const std::string prefix, FilePrefix(split));
  SLUICE_ASSIGN_OR_RETURN(const std::string images_path,
                          FindFile(folder, prefix + "-images-idx3-ubyte"));
  SLUICE_ASSIGN_OR_RETURN(const std::string labels_path,
                          FindFile(folder, prefix + "-labels-idx1-ubyte"));
  SLUICE_ASSIGN_OR_RETURN(IdxFile images, ReadIdxFile(images_path, 3));
  SLUICE_ASSIGN_OR_RETURN(IdxFile labels, ReadIdxFile(labels_path, 1));
  std::vector<std::string> names = class_names.empty() ? DigitNames() : class_names;
  SLUICE_RETURN_IF_ERROR(CheckPair(images_path, images, labels_path, labels, names.size()));
  const ImageShape shape{1, static_cast<int>(images.dimensions[1]),
                         static_cast<int>(images.dimensions[2])};
  return std::unique_ptr<IdxDataset>(
      new IdxDataset(shape, std::move(images.values), std::move(labels.values), std::move(names)));
}

IdxDataset::IdxDataset(ImageShape shape, std::vector<uint8_t> pixels, std::vector<uint8_t> labels,
                       std::vector<std::string> class_names)
    : shape_(shape),
      pixels_(std::move(pixels)),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)) {}

absl::StatusOr<Sample> IdxDataset::Get(int64_t index) const {
  SLUICE_RETURN_IF_ERROR(CheckIndex(index));
  Sample sample{Image::Zeros(shape_), labels_[static_cast<size_t>(index)],
                static_cast<uint64_t>(index)};
  const uint8_t* from = pixels_.data() + index * shape_.size();
  for (float& pixel : sample.image.pixels) pixel = static_cast<float>(*from++) / 255.0f;
  return sample;
}

}  // namespace sluice::data
