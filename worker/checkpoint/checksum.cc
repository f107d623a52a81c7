#include "worker/checkpoint/checksum.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sluice::checkpoint {
namespace {

class Crc {
 public:
  // The length goes first, so that no two sequences of texts are the same bytes.
  void Add(absl::string_view text) {
    const uint64_t size = text.size();
    AddBytes(reinterpret_cast<const char*>(&size), sizeof(size));
    AddBytes(text.data(), text.size());
  }
  std::string Hex() const { return absl::StrFormat("%08x", static_cast<uint32_t>(crc_)); }

 private:
  void AddBytes(const char* data, size_t size) {
    // Of no bytes at no address zlib makes the start of a new checksum.
    if (size == 0) return;
    crc_ = crc32_z(crc_, reinterpret_cast<const Bytef*>(data), size);
  }

  uLong crc_ = crc32_z(0, nullptr, 0);
};

}  // namespace

std::string ContentChecksum(std::vector<tensors::NamedTensor> tensors,
                            const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  Crc crc;
  for (const tensors::NamedTensor& tensor : tensors) {
    crc.Add(tensor.name);
    crc.Add(absl::StrCat(tensors::DTypeName(tensor.dtype), " ", absl::StrJoin(tensor.shape, ",")));
    crc.Add(tensor.data);
  }
  for (const auto& [key, value] : metadata) {
    if (key == kChecksumKey) continue;
    crc.Add(key);
    crc.Add(value);
  }
  return crc.Hex();
}

absl::Status VerifyChecksum(const tensors::SafetensorsFile& file, const std::string& path) {
  const auto written = file.metadata().find(kChecksumKey);
  if (written == file.metadata().end()) return absl::OkStatus();
  std::vector<tensors::NamedTensor> all;
  for (const std::string& name : file.names()) {
    const tensors::TensorView view = file.Get(name).value();
    all.push_back({name, view.dtype, view.shape, view.data});
  }
  const std::string found = ContentChecksum(std::move(all), file.metadata());
  if (found == written->second) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("'", path, "' is damaged: its content has the checksum ",
                                          found, ", expected ", written->second));
}

}  // namespace sluice::checkpoint
