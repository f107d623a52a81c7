#include "sidecar/store/commit_mark.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace sluice::sidecar {
namespace {

// One sector at most, so that a write of it is all or nothing.
struct Layout {
  std::array<char, 8> magic{};
  std::array<char, 32> id{};
  uint64_t commits = 0;
  uint64_t epoch = 0;
  uint64_t check = 0;
};

constexpr std::array<char, 8> kMagic = {'S', 'L', 'U', 'C', 'M', 'A', 'R', 'K'};

uint64_t CheckOf(const Layout& layout) {
  return ::crc32(0, reinterpret_cast<const Bytef*>(&layout), offsetof(Layout, check));
}

}  // namespace

absl::StatusOr<CommitMark> CommitMark::Open(const std::string& folder) {
  const std::string path = folder + "/mark";
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.is_open()) return absl::ErrnoToStatus(errno, absl::StrCat("state: open '", path, "'"));
  Layout layout;
  const ssize_t size = ::pread(file.get(), &layout, sizeof(layout), 0);
  std::optional<StateMark> last;
  if (size == sizeof(layout) && layout.magic == kMagic && layout.check == CheckOf(layout)) {
    const auto end = std::find(layout.id.begin(), layout.id.end(), '\0');
    last = StateMark{std::string(layout.id.begin(), end), layout.commits, layout.epoch};
  } else if (size != 0) {
    spdlog::warn("state: '{}' is damaged and says nothing of earlier commits", path);
  }
  return CommitMark(std::move(file), std::move(last));
}

absl::Status CommitMark::Write(const StateMark& mark) {
  Layout layout;
  layout.magic = kMagic;
  std::memcpy(layout.id.data(), mark.id.data(), std::min(mark.id.size(), layout.id.size()));
  layout.commits = mark.commits;
  layout.epoch = mark.epoch;
  layout.check = CheckOf(layout);
  if (::pwrite(file_.get(), &layout, sizeof(layout), 0) != sizeof(layout)) {
    return absl::ErrnoToStatus(errno, "state: write of the file 'mark'");
  }
  last_ = mark;
  return absl::OkStatus();
}

}  // namespace sluice::sidecar
