#include "worker/legacy/legacy_set.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "worker/tensors/safetensors_file.h"
#include "worker/tensors/safetensors_writer.h"

namespace sluice::legacy {
namespace {

using nlohmann::json;
using tensors::DType;

constexpr char kKey[] = "sluice.legacy";
constexpr int kFormat = 1;
constexpr size_t kMostNameBytes = 64;

absl::Status Wrong(const std::string& field, const std::string& value, const std::string& wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat("legacy set: ", field, " is ", value, ", expected ", wanted));
}

template <typename T>
tensors::NamedTensor ToTensor(const std::string& name, DType dtype, std::vector<int64_t> shape,
                              const std::vector<T>& values) {
  return {name,
          dtype,
          std::move(shape),
          {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)}};
}

template <typename T>
absl::Status Read(const tensors::SafetensorsFile& file, const std::string& name, DType dtype,
                  std::vector<int64_t>* shape, std::vector<T>* values) {
  SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(name));
  if (view.dtype != dtype) {
    return Wrong(name, std::string(tensors::DTypeName(view.dtype)),
                 std::string(tensors::DTypeName(dtype)));
  }
  values->resize(view.data.size() / sizeof(T));
  if (!values->empty()) std::memcpy(values->data(), view.data.data(), view.data.size());
  if (shape != nullptr) *shape = view.shape;
  return absl::OkStatus();
}

absl::Status ReadDescription(const tensors::SafetensorsFile& file, LegacySet& set) {
  const auto it = file.metadata().find(kKey);
  if (it == file.metadata().end()) {
    return absl::InvalidArgumentError(absl::StrCat("it is no legacy set: it has no ", kKey));
  }
  const json text = json::parse(it->second, nullptr, false);
  try {
    if (text.at("format").get<int>() != kFormat)
      return Wrong("format", text.at("format").dump(), absl::StrCat(kFormat));
    set.name = text.at("name").get<std::string>();
    set.class_names = text.at("class_names").get<std::vector<std::string>>();
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(kKey, ": ", error.what()));
  }
  return absl::OkStatus();
}

absl::StatusOr<LegacySet> Load(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                          tensors::SafetensorsFile::Open(path));
  LegacySet set;
  SLUICE_RETURN_IF_ERROR(ReadDescription(file, set));
  std::vector<int64_t> shape;
  SLUICE_RETURN_IF_ERROR(Read(file, "images", DType::kU8, &shape, &set.pixels));
  SLUICE_RETURN_IF_ERROR(Read(file, "labels", DType::kI64, nullptr, &set.labels));
  SLUICE_RETURN_IF_ERROR(Read(file, "ids", DType::kU64, nullptr, &set.ids));
  SLUICE_RETURN_IF_ERROR(Read(file, "logits", DType::kF32, nullptr, &set.logits));
  SLUICE_RETURN_IF_ERROR(Read(file, "losses", DType::kF32, nullptr, &set.losses));
  constexpr int64_t kMostSide = std::numeric_limits<int>::max();
  if (shape.size() != 4 || *std::max_element(shape.begin(), shape.end()) > kMostSide)
    return Wrong("images", absl::StrCat("of ", shape.size(), " dimensions"), "[N, C, H, W]");
  set.shape = {static_cast<int>(shape[1]), static_cast<int>(shape[2]), static_cast<int>(shape[3])};
  SLUICE_RETURN_IF_ERROR(ValidateLegacySet(set));
  return set;
}

}  // namespace

bool IsLegacyName(const std::string& name) {
  return !name.empty() && name.size() <= kMostNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' ||
                  c == '-';
         });
}

double LegacySet::baseline_loss() const {
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(size());
}

double LegacySet::baseline_accuracy() const {
  const size_t classes = class_names.size();
  int64_t correct = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const float* row = logits.data() + i * classes;
    // NaN stands for a class that is not there.
    const float own = row[labels[i]];
    correct += std::none_of(row, row + classes, [own](float z) { return z > own; }) ? 1 : 0;
  }
  return static_cast<double>(correct) / static_cast<double>(size());
}

data::Sample LegacySet::Get(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  data::Sample sample{data::Image::Zeros(shape), labels[i], ids[i]};
  const uint8_t* from = pixels.data() + index * shape.size();
  for (float& pixel : sample.image.pixels) pixel = static_cast<float>(*from++) / 255.0f;
  return sample;
}

absl::Status ValidateLegacySet(const LegacySet& set) {
  if (!IsLegacyName(set.name))
    return Wrong("name", absl::StrCat("'", set.name, "'"), "1 to 64 of A-Za-z0-9._-");
  const size_t n = set.labels.size(), classes = set.class_names.size();
  if (n == 0) return Wrong("size", "0", "one image at least");
  if (classes == 0) return Wrong("class_names", "empty", "one class at least");
  const auto check = [](const char* field, size_t count, size_t wanted) {
    return count == wanted ? absl::OkStatus()
                           : Wrong(field, absl::StrCat("of ", count, " values"),
                                   absl::StrCat(wanted, ", by labels and shape"));
  };
  const data::ImageShape& s = set.shape;
  if (s.channels < 1 || s.height < 1 || s.width < 1)
    return Wrong("images", absl::StrCat(s.channels, "x", s.height, "x", s.width), "1x1x1 at least");
  SLUICE_RETURN_IF_ERROR(check("images", set.pixels.size(), n * static_cast<size_t>(s.size())));
  SLUICE_RETURN_IF_ERROR(check("ids", set.ids.size(), n));
  SLUICE_RETURN_IF_ERROR(check("logits", set.logits.size(), n * classes));
  SLUICE_RETURN_IF_ERROR(check("losses", set.losses.size(), n));
  for (size_t i = 0; i < n; ++i) {
    if (set.labels[i] < 0 || set.labels[i] >= static_cast<int64_t>(classes)) {
      return Wrong(absl::StrCat("label ", i), absl::StrCat(set.labels[i]),
                   absl::StrCat("one in [0, ", classes - 1, "]"));
    }
    if (!std::isfinite(set.losses[i]) || set.losses[i] < 0.0f)
      return Wrong(absl::StrCat("loss ", i), absl::StrCat(set.losses[i]), "a number from 0 on");
  }
  return absl::OkStatus();
}

absl::Status SaveLegacySet(const std::string& path, const LegacySet& set) {
  SLUICE_CHECK(ValidateLegacySet(set).ok());
  const int64_t n = set.size();
  const json text = {{"format", kFormat}, {"name", set.name}, {"class_names", set.class_names}};
  const data::ImageShape& s = set.shape;
  return tensors::WriteSafetensors(
      path,
      {ToTensor("images", DType::kU8, {n, s.channels, s.height, s.width}, set.pixels),
       ToTensor("labels", DType::kI64, {n}, set.labels), ToTensor("ids", DType::kU64, {n}, set.ids),
       ToTensor("logits", DType::kF32, {n, static_cast<int64_t>(set.class_names.size())},
                set.logits),
       ToTensor("losses", DType::kF32, {n}, set.losses)},
      {{kKey, text.dump(-1, ' ', false, json::error_handler_t::replace)}});
}

absl::StatusOr<LegacySet> LoadLegacySet(const std::string& path) {
  absl::StatusOr<LegacySet> set = Load(path);
  if (!set.ok()) return Annotate(set.status(), absl::StrCat("'", path, "'"));
  return set;
}

absl::StatusOr<LegacySet> FitTo(LegacySet set, const std::vector<std::string>& class_names,
                                const data::ImageShape& shape) {
  if (set.shape != shape) {
    return absl::InvalidArgumentError(
        absl::StrCat("legacy domain '", set.name, "' has images of ", set.shape.channels, "x",
                     set.shape.height, "x", set.shape.width, ", expected the model's ",
                     shape.channels, "x", shape.height, "x", shape.width));
  }
  if (set.class_names == class_names) return set;
  std::map<std::string, size_t> positions;
  for (size_t k = 0; k < class_names.size(); ++k) positions[class_names[k]] = k;
  std::vector<size_t> to;
  for (const std::string& name : set.class_names) {
    const auto it = positions.find(name);
    if (it == positions.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("legacy domain '", set.name, "' has the class '", name,
                       "', which the model's ", class_names.size(), " classes lack"));
    }
    to.push_back(it->second);
  }
  std::vector<float> logits(set.labels.size() * class_names.size(),
                            std::numeric_limits<float>::quiet_NaN());
  for (size_t i = 0; i < set.labels.size(); ++i) {
    for (size_t k = 0; k < to.size(); ++k)
      logits[i * class_names.size() + to[k]] = set.logits[i * to.size() + k];
    set.labels[i] = static_cast<int64_t>(to[set.labels[i]]);
  }
  set.logits = std::move(logits);
  set.class_names = class_names;
  return set;
}

absl::StatusOr<data::Sample> LegacyImages::Get(int64_t index) const {
  SLUICE_RETURN_IF_ERROR(CheckIndex(index));
  return set_.Get(index);
}

}  // namespace sluice::legacy
