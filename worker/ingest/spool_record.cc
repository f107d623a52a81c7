#include "worker/ingest/spool_record.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::ingest {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

constexpr uint32_t kRecordMagic = 0x4d494c53;  // "SLIM".

uint32_t Crc(absl::string_view bytes) {
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

template <typename T>
void Put(std::string& to, T value) {
  static_assert(std::is_unsigned_v<T>);
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
T Take(const std::string& from, size_t& at) {
  T value;
  std::memcpy(&value, from.data() + at, sizeof(value));
  at += sizeof(value);
  return value;
}

// Up to `bytes` bytes at `offset`; fewer only at the file's end.
absl::StatusOr<std::string> ReadAt(int fd, uint64_t offset, size_t bytes) {
  std::string data(bytes, '\0');
  size_t have = 0;
  while (have < bytes) {
    const ssize_t n =
        ::pread(fd, data.data() + have, bytes - have, static_cast<off_t>(offset + have));
    if (n == 0) break;
    if (n < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "read the spool");
    if (n > 0) have += static_cast<size_t>(n);
  }
  data.resize(have);
  return data;
}

}  // namespace

std::string EncodeRecord(absl::string_view id, absl::string_view class_name,
                         absl::string_view image, uint64_t batch_start) {
  SLUICE_CHECK(!id.empty() && id.size() <= kMostNameBytes);
  SLUICE_CHECK(!class_name.empty() && class_name.size() <= kMostNameBytes);
  const std::string body = absl::StrCat(id, class_name, image);
  std::string record;
  record.reserve(kHeadBytes + body.size());
  Put(record, kRecordMagic);
  Put(record, static_cast<uint32_t>(body.size()));
  Put(record, batch_start);
  Put(record, Crc(body));
  Put(record, static_cast<uint16_t>(id.size()));
  Put(record, static_cast<uint16_t>(class_name.size()));
  Put(record, Crc(record));
  return record + body;
}

absl::StatusOr<std::optional<SpoolRecord>> ReadRecord(int fd, uint64_t offset,
                                                      uint64_t file_bytes) {
  const std::optional<SpoolRecord> none;
  if (offset + kHeadBytes > file_bytes) return none;
  // The names stand behind the head: mostly one read is enough.
  SLUICE_ASSIGN_OR_RETURN(const std::string data,
                          ReadAt(fd, offset, kHeadBytes + 2 * kMostNameBytes));
  if (data.size() < kHeadBytes) return none;
  SpoolRecord record;
  record.offset = offset;
  size_t at = 0;
  const auto magic = Take<uint32_t>(data, at);
  record.body_bytes = Take<uint32_t>(data, at);
  record.batch_start = Take<uint64_t>(data, at);
  record.body_crc = Take<uint32_t>(data, at);
  const size_t id_bytes = Take<uint16_t>(data, at), class_bytes = Take<uint16_t>(data, at);
  const uint32_t crc = Crc(absl::string_view(data).substr(0, at));
  record.head_crc = Take<uint32_t>(data, at);
  if (magic != kRecordMagic || record.head_crc != crc) return none;
  if (id_bytes + class_bytes > record.body_bytes || record.end() > file_bytes ||
      at + id_bytes + class_bytes > data.size()) {
    return none;
  }
  record.id = data.substr(at, id_bytes);
  record.class_name = data.substr(at + id_bytes, class_bytes);
  return record;
}

absl::StatusOr<std::string> ReadImageBytes(int fd, const SpoolRecord& record) {
  SLUICE_ASSIGN_OR_RETURN(std::string body,
                          ReadAt(fd, record.offset + kHeadBytes, record.body_bytes));
  if (body.size() != record.body_bytes || Crc(body) != record.body_crc) {
    return absl::DataLossError(absl::StrCat("image '", record.id, "' at byte ", record.offset,
                                            " of the spool is damaged: its CRC is not ",
                                            record.body_crc));
  }
  return body.substr(record.id.size() + record.class_name.size());
}

absl::StatusOr<uint64_t> FileBytes(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, "stat the spool");
  return static_cast<uint64_t>(info.st_size);
}

}  // namespace sluice::ingest
