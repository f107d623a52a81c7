#include "common/security/audit_log.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/log.h"
#include "common/status.h"

namespace sluice::security {
namespace {

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Owner alone: who called, and from where, is nobody else's.
void Protect(const std::string& path) { ::chmod(path.c_str(), S_IRUSR | S_IWUSR); }

}  // namespace

std::string AuditLine(const AuditEntry& entry, int64_t unix_micros) {
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(unix_micros),
                                  absl::UTCTimeZone());
  line["caller"] = entry.caller;
  line["peer"] = entry.peer;
  line["method"] = entry.method;
  line["arguments"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : entry.arguments) line["arguments"][name] = value;
  line["result"] = entry.result;
  line["detail"] = entry.detail;
  if (entry.left_out > 0) line["left_out"] = entry.left_out;
  return line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const AuditOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(options.path));
  Protect(options.path);
  std::error_code error;
  const auto size = std::filesystem::file_size(options.path, error);
  return std::unique_ptr<AuditLog>(new AuditLog(options, std::move(file), error ? 0 : size));
}

AuditLog::AuditLog(AuditOptions options, AppendFile file, uint64_t bytes)
    : options_(std::move(options)), file_(std::move(file)), bytes_(bytes) {
  thread_ = std::thread([this] { Loop(); });
}

AuditLog::~AuditLog() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void AuditLog::Write(const AuditEntry& entry, Done done) {
  const absl::MutexLock lock(&mutex_);
  lines_.push_back({AuditLine(entry, NowMicros()), std::move(done)});
}

absl::Status AuditLog::Ready() {
  const absl::MutexLock lock(&mutex_);
  try_again_ |= !state_.ok();
  return state_;
}

void AuditLog::Rotate() {
  const auto name = [this](int64_t n) {
    return n == 0 ? options_.path : absl::StrCat(options_.path, ".", n);
  };
  // The oldest is written over.
  for (int64_t n = options_.files - 2; n >= 0; --n) {
    if (::rename(name(n).c_str(), name(n + 1).c_str()) != 0 && errno != ENOENT) {
      spdlog::error("audit: cannot rename '{}', it grows on: {}", name(n), std::strerror(errno));
      return;
    }
  }
  auto file = AppendFile::Open(options_.path);
  if (!file.ok()) {
    // The renamed file stays open: lines go on into it.
    spdlog::error("audit: {}", std::string(file.status().message()));
    return;
  }
  Protect(options_.path);
  file_ = *std::move(file);
  bytes_ = 0;
}

absl::Status AuditLog::Append(absl::string_view text) {
  if (bytes_ > 0 && bytes_ + text.size() > options_.most_bytes && options_.files > 1) Rotate();
  SLUICE_RETURN_IF_ERROR(file_.Append(text));
  SLUICE_RETURN_IF_ERROR(file_.Sync());
  bytes_ += text.size();
  return absl::OkStatus();
}

void AuditLog::Loop() {
  const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !lines_.empty() || try_again_ || stopping_;
  };
  bool last = false;
  while (!last) {
    std::deque<Line> lines;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      lines.swap(lines_);
      try_again_ = false;
      last = stopping_;
    }
    for (const Line& line : lines) unwritten_ += line.text;
    const absl::Status status = unwritten_.empty() ? absl::OkStatus() : Append(unwritten_);
    if (status.ok()) unwritten_.clear();
    {
      const absl::MutexLock lock(&mutex_);
      if (state_.ok() && !status.ok()) spdlog::error("audit: {}", std::string(status.message()));
      state_ = status;
    }
    for (const Line& line : lines) {
      if (line.done) line.done(status);
    }
  }
}

}  // namespace sluice::security
