#include "sidecar/store/row_check.h"

#include <zlib.h>

#include <cstdint>

namespace sluice::sidecar {
namespace {

uLong AddBytes(uLong crc, const void* bytes, size_t size) {
  return ::crc32(crc, static_cast<const Bytef*>(bytes), static_cast<uInt>(size));
}

uLong AddValue(uLong crc, sqlite3_value* value) {
  const int type = sqlite3_value_type(value);
  crc = AddBytes(crc, &type, sizeof(type));
  if (type == SQLITE_INTEGER) {
    const sqlite3_int64 number = sqlite3_value_int64(value);
    return AddBytes(crc, &number, sizeof(number));
  }
  if (type == SQLITE_FLOAT) {
    const double number = sqlite3_value_double(value);
    return AddBytes(crc, &number, sizeof(number));
  }
  const void* bytes = sqlite3_value_blob(value);
  const int size = sqlite3_value_bytes(value);
  crc = AddBytes(crc, &size, sizeof(size));
  return size == 0 ? crc : AddBytes(crc, bytes, static_cast<size_t>(size));
}

void RowCheck(sqlite3_context* context, int count, sqlite3_value** values) {
  uLong crc = ::crc32(0, nullptr, 0);
  for (int i = 0; i < count; ++i) crc = AddValue(crc, values[i]);
  sqlite3_result_int64(context, static_cast<sqlite3_int64>(crc));
}

}  // namespace

absl::Status RegisterRowCheck(sqlite3* database) {
  const int code =
      sqlite3_create_function_v2(database, "row_check", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                 nullptr, &RowCheck, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  return absl::InternalError(sqlite3_errstr(code));
}

}  // namespace sluice::sidecar
