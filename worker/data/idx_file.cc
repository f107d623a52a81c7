#include "worker/data/idx_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::data {
namespace {

// More than any file of this kind holds; a header that asks for more is damaged.
constexpr int64_t kMaxValues = int64_t{1} << 34;

struct GzClose {
  void operator()(gzFile_s* file) const { gzclose(file); }
};
using GzFile = std::unique_ptr<gzFile_s, GzClose>;

absl::Status Bad(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("IDX file '", path, "': ", what));
}

// Reads up to `size` bytes. Sets `got` to what was there; an error if the compression is damaged.
absl::Status ReadSome(gzFile_s* file, const std::string& path, uint8_t* to, size_t size,
                      size_t& got) {
  got = 0;
  while (got < size) {
    const auto want = static_cast<unsigned>(std::min<size_t>(size - got, 1u << 20));
    const int n = gzread(file, to + got, want);
    int code = Z_OK;
    const char* message = gzerror(file, &code);
    if (n < 0 || (code != Z_OK && code != Z_STREAM_END)) {
      return Bad(path, absl::StrCat("cannot be decompressed or read: ", message));
    }
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

uint32_t BigEndian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

absl::StatusOr<std::vector<int64_t>> ReadHeader(gzFile_s* file, const std::string& path, int rank) {
  std::vector<uint8_t> header(4 + 4 * static_cast<size_t>(rank));
  size_t got = 0;
  SLUICE_RETURN_IF_ERROR(ReadSome(file, path, header.data(), header.size(), got));
  if (got < header.size()) {
    return Bad(path, absl::StrCat("is truncated: the header has ", got, " bytes, expected ",
                                  header.size()));
  }
  const uint32_t expected = 0x0800u + static_cast<uint32_t>(rank);
  if (const uint32_t magic = BigEndian(header.data()); magic != expected) {
    return Bad(path, absl::StrCat("magic number is 0x", absl::Hex(magic, absl::kZeroPad8),
                                  ", expected 0x", absl::Hex(expected, absl::kZeroPad8)));
  }
  std::vector<int64_t> dimensions;
  int64_t total = 1;
  for (int i = 0; i < rank; ++i) {
    const int64_t n = BigEndian(header.data() + 4 + 4 * i);
    if (n < 1 || total > kMaxValues / n) {
      return Bad(path, absl::StrCat("dimension ", i, " is ", n,
                                    ", expected at least 1 and a product of at most ", kMaxValues));
    }
    total *= n;
    dimensions.push_back(n);
  }
  return dimensions;
}

// Grows with what is really there, so that a false header cannot ask for memory.
absl::Status ReadValues(gzFile_s* file, const std::string& path, size_t expected,
                        std::vector<uint8_t>& values) {
  constexpr size_t kPiece = size_t{1} << 24;
  while (values.size() < expected) {
    const size_t before = values.size();
    values.resize(std::min(expected, before + kPiece));
    size_t got = 0;
    SLUICE_RETURN_IF_ERROR(
        ReadSome(file, path, values.data() + before, values.size() - before, got));
    if (before + got < values.size()) {
      return Bad(path, absl::StrCat("is truncated: it has ", before + got, " values, expected ",
                                    expected));
    }
  }
  uint8_t extra = 0;
  size_t got = 0;
  SLUICE_RETURN_IF_ERROR(ReadSome(file, path, &extra, 1, got));
  if (got != 0) return Bad(path, absl::StrCat("has more than the expected ", expected, " values"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<IdxFile> ReadIdxFile(const std::string& path, int rank) {
  errno = 0;
  const GzFile file(gzopen(path.c_str(), "rb"));
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno != 0 ? errno : ENOMEM, absl::StrCat("open '", path, "'"));
  }
  IdxFile result;
  SLUICE_ASSIGN_OR_RETURN(result.dimensions, ReadHeader(file.get(), path, rank));
  size_t expected = 1;
  for (const int64_t n : result.dimensions) expected *= static_cast<size_t>(n);
  SLUICE_RETURN_IF_ERROR(ReadValues(file.get(), path, expected, result.values));
  return result;
}

}  // namespace sluice::data
