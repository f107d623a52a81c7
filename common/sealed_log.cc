#include "common/sealed_log.h"

#include <spdlog/spdlog.h>
#include <zlib.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status.h"

namespace sluice {
namespace {

constexpr char kCrcKey[] = ",\"crc\":\"";

std::string CrcOf(const std::string& text) {
  const uLong crc = crc32(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
  return absl::StrFormat("%08x", static_cast<uint32_t>(crc));
}

absl::StatusOr<std::string> BodyOf(const std::string& line) {
  const size_t at = line.rfind(kCrcKey);
  if (at == std::string::npos) return absl::DataLossError("has no crc");
  std::string body = line.substr(0, at);
  if (line.substr(at) != absl::StrCat(kCrcKey, CrcOf(body), "\"}")) {
    return absl::DataLossError(absl::StrCat("has a wrong crc, expected ", CrcOf(body)));
  }
  return body;
}

struct Parsed {
  std::vector<std::string> bodies;
  size_t good_bytes = 0;  // Length without a torn last line.
};

absl::StatusOr<Parsed> Parse(const std::string& what, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  Parsed parsed;
  for (size_t number = 1; parsed.good_bytes < text.size(); ++number) {
    const size_t end = text.find('\n', parsed.good_bytes);
    const size_t next = end == std::string::npos ? text.size() : end + 1;
    auto body = BodyOf(text.substr(parsed.good_bytes, end - parsed.good_bytes));
    if (next == text.size() && (end == std::string::npos || !body.ok())) {
      spdlog::warn("{} '{}': dropping line {}, which was not written to its end", what, path,
                   number);
      return parsed;
    }
    SLUICE_RETURN_IF_ERROR(
        Annotate(body.status(), absl::StrCat(what, " '", path, "': line ", number)));
    parsed.bodies.push_back(*std::move(body));
    parsed.good_bytes = next;
  }
  return parsed;
}

}  // namespace

absl::StatusOr<SealedLog> SealedLog::Open(const std::string& what, const std::string& path) {
  const auto parsed = Parse(what, path);
  if (!parsed.ok() && !absl::IsNotFound(parsed.status())) return parsed.status();
  // A line after a torn one would be read as its continuation.
  if (parsed.ok()) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) != parsed->good_bytes && !error) {
      std::filesystem::resize_file(path, parsed->good_bytes, error);
    }
    if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cut '", path, "'"));
  }
  SLUICE_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path));
  SLUICE_RETURN_IF_ERROR(file.Sync());
  return SealedLog(std::move(file));
}

absl::Status SealedLog::Append(const std::string& body) {
  SLUICE_RETURN_IF_ERROR(file_.Append(absl::StrCat(body, kCrcKey, CrcOf(body), "\"}\n")));
  return file_.Sync();
}

absl::StatusOr<std::vector<std::string>> ReadSealedLog(const std::string& what,
                                                       const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(Parsed parsed, Parse(what, path));
  return std::move(parsed.bodies);
}

}  // namespace sluice
