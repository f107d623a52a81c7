#include "worker/tensors/safetensors_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/tensors/safetensors_header.h"

namespace sluice::tensors {
namespace {

absl::Status Bad(const std::string& path, const std::string& name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("'", path, "': tensor '", name, "' ", what));
}

absl::Status CheckTensors(const std::string& path, const std::vector<NamedTensor>& sorted) {
  std::map<std::string, int> seen;
  for (const NamedTensor& tensor : sorted) {
    if (tensor.name == "__metadata__") return Bad(path, tensor.name, "has a reserved name");
    if (++seen[tensor.name] > 1) return Bad(path, tensor.name, "is there twice, expected once");
    const absl::StatusOr<uint64_t> size = ByteSize(tensor.dtype, tensor.shape);
    if (!size.ok()) return Bad(path, tensor.name, size.status().message());
    if (*size != tensor.data.size()) {
      return Bad(path, tensor.name,
                 absl::StrCat("has ", tensor.data.size(), " bytes, expected ", *size,
                              " for its shape and dtype"));
    }
  }
  return absl::OkStatus();
}

// Length and JSON text, padded so that the data begins at a multiple of 8.
absl::StatusOr<std::string> MakeHeader(const std::string& path,
                                       const std::vector<NamedTensor>& sorted,
                                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const NamedTensor& tensor : sorted) {
    const uint64_t end = offset + tensor.data.size();
    header[tensor.name] = {{"dtype", std::string(DTypeName(tensor.dtype))},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "': a name or metadata is not UTF-8: ", error.what()));
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > kMaxHeaderBytes) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "': the header has ", text.size(),
                                                   " bytes, expected at most ", kMaxHeaderBytes));
  }
  std::string result;
  for (int i = 0; i < 8; ++i) result.push_back(static_cast<char>(text.size() >> (8 * i) & 0xFF));
  return result + text;
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path, std::vector<NamedTensor> tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    const size_t size_a = DTypeSize(a.dtype);
    const size_t size_b = DTypeSize(b.dtype);
    return size_a != size_b ? size_a > size_b : a.name < b.name;
  });
  SLUICE_RETURN_IF_ERROR(CheckTensors(path, tensors));
  SLUICE_ASSIGN_OR_RETURN(const std::string header, MakeHeader(path, tensors, metadata));
  std::vector<absl::string_view> pieces = {header};
  for (const NamedTensor& tensor : tensors) pieces.push_back(tensor.data);
  return WriteFileAtomically(path, pieces);
}

}  // namespace sluice::tensors
