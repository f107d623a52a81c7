#include "worker/tensors/safetensors_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file_descriptor.h"
#include "common/status.h"

namespace sluice::tensors {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

// The bytes of a file, read-only.
class SafetensorsFile::Mapping {
 public:
  static absl::StatusOr<std::shared_ptr<const Mapping>> Open(const std::string& path);
  Mapping(void* address, size_t size) : address_(address), size_(size) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (size_ > 0) ::munmap(address_, size_);
  }
  absl::string_view bytes() const { return {static_cast<const char*>(address_), size_}; }

 private:
  void* address_;
  size_t size_;
};

absl::StatusOr<std::shared_ptr<const SafetensorsFile::Mapping>> SafetensorsFile::Mapping::Open(
    const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return absl::ErrnoToStatus(errno, absl::StrCat("open '", path, "'"));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is not a regular file"));
  }
  const auto size = static_cast<size_t>(info.st_size);
  // A mapping outlives its descriptor.
  void* address =
      size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) return absl::ErrnoToStatus(errno, absl::StrCat("map '", path, "'"));
  return std::make_shared<const Mapping>(address, size);
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<const Mapping> mapping, Mapping::Open(path));
  SafetensorsFile file(path, std::move(mapping));
  const absl::string_view bytes = file.mapping_->bytes();
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof(header_bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' has ", bytes.size(), " bytes, expected at least 8"));
  }
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  const uint64_t behind = bytes.size() - sizeof(header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > behind) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", path, "': header length is ", header_bytes, ", expected at most ",
        std::min(kMaxHeaderBytes, behind), " (limit ", kMaxHeaderBytes, ", file ", behind, ")"));
  }
  file.data_ = bytes.substr(sizeof(header_bytes) + header_bytes);
  absl::StatusOr<Header> header =
      ParseHeader(bytes.substr(sizeof(header_bytes), header_bytes), file.data_.size());
  if (!header.ok()) return Annotate(header.status(), absl::StrCat("'", path, "'"));
  file.header_ = *std::move(header);
  return file;
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& item : header_.tensors) names.push_back(item.first);
  return names;
}

absl::StatusOr<TensorView> SafetensorsFile::Get(const std::string& name) const {
  const auto it = header_.tensors.find(name);
  if (it == header_.tensors.end()) {
    return absl::NotFoundError(absl::StrCat("'", path_, "' has no tensor '", name, "'"));
  }
  const HeaderEntry& entry = it->second;
  return TensorView{entry.dtype, entry.shape, data_.substr(entry.begin, entry.end - entry.begin)};
}

}  // namespace sluice::tensors
