#include "worker/train/loss_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"

namespace sluice::train {

absl::StatusOr<LossLog> LossLog::Open(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file.is_open()) return absl::ErrnoToStatus(errno, absl::StrCat("open '", path, "'"));
  return LossLog(std::move(file), path);
}

absl::Status LossLog::Write(uint64_t step, std::optional<double> loss) {
  const double value = loss.value_or(std::numeric_limits<double>::quiet_NaN());
  const auto at = static_cast<off_t>((step - 1) * sizeof(value));
  ssize_t n;
  do {
    n = ::pwrite(file_.get(), &value, sizeof(value), at);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof(value)) return absl::OkStatus();
  return absl::ErrnoToStatus(n < 0 ? errno : ENOSPC, absl::StrCat("write '", path_, "'"));
}

absl::StatusOr<std::vector<uint64_t>> ReadLossBits(const std::string& path, uint64_t steps) {
  SLUICE_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  const size_t held = bytes.size() / sizeof(uint64_t);
  if (held < steps) {
    return absl::OutOfRangeError(
        absl::StrCat("'", path, "' holds the losses of ", held, " steps, expected ", steps));
  }
  std::vector<uint64_t> bits(steps);
  std::memcpy(bits.data(), bytes.data(), steps * sizeof(uint64_t));
  return bits;
}

}  // namespace sluice::train
