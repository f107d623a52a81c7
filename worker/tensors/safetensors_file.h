#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/tensors/safetensors_header.h"

namespace sluice::tensors {

// A tensor inside an open file. Elements are little-endian and, in files of other writers, not
// always aligned: copy them with memcpy.
struct TensorView {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  absl::string_view data;  // Lives as long as the SafetensorsFile.
};

// A safetensors file, mapped for reading and checked as a whole when it is opened. Move-only; const
// members are thread-safe. The file must not be cut while it is open (our writers replace files,
// they never change one).
class SafetensorsFile {
 public:
  // The system's error if the file cannot be read; INVALID_ARGUMENT with path, value and
  // expectation if it is not valid (see ParseHeader).
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);

  // Names of all tensors, sorted.
  std::vector<std::string> names() const;
  bool Contains(const std::string& name) const { return header_.tensors.count(name) > 0; }
  // NOT_FOUND that names file and tensor if there is none.
  absl::StatusOr<TensorView> Get(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

 private:
  class Mapping;
  SafetensorsFile(std::string path, std::shared_ptr<const Mapping> mapping)
      : path_(std::move(path)), mapping_(std::move(mapping)) {}

  std::string path_;
  std::shared_ptr<const Mapping> mapping_;
  Header header_;
  absl::string_view data_;
};

}  // namespace sluice::tensors
