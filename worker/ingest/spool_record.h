#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::ingest {

// The spool is one file that only grows: kSpoolMagic, then records. A record is a head of
// kHeadBytes and a body: the image's name, its class, and its JPEG or PNG bytes. The head has a
// CRC-32 of its own and that of the body, and the place where the batch that it was written with
// begins: everything before that place was durable when the batch was written, so that only the
// last batch can be torn. Numbers are little-endian.
inline constexpr char kSpoolName[] = "images.spool";
inline constexpr absl::string_view kSpoolMagic = "SLSPOOL1";
inline constexpr size_t kHeadBytes = 28;
inline constexpr size_t kMostNameBytes = 256;  // Of an image's name, and of a class's.

// What a record's head says, and the names behind it.
struct SpoolRecord {
  uint64_t offset = 0;  // Of the head in the file.
  uint64_t batch_start = 0;
  uint32_t body_bytes = 0;
  uint32_t body_crc = 0;
  uint32_t head_crc = 0;
  std::string id{};
  std::string class_name{};

  uint64_t end() const { return offset + kHeadBytes + body_bytes; }
};

// The bytes of a record. Names have 1 to kMostNameBytes bytes.
std::string EncodeRecord(absl::string_view id, absl::string_view class_name,
                         absl::string_view image, uint64_t batch_start);

// The record at `offset` of an open file of `file_bytes`, whose body may be torn; nothing if no
// record stands there. An error only if the system cannot read.
absl::StatusOr<std::optional<SpoolRecord>> ReadRecord(int fd, uint64_t offset, uint64_t file_bytes);

// The image's bytes. DATA_LOSS if the body fails its CRC or the file ends before it.
absl::StatusOr<std::string> ReadImageBytes(int fd, const SpoolRecord& record);

// Size of an open file.
absl::StatusOr<uint64_t> FileBytes(int fd);

}  // namespace sluice::ingest
