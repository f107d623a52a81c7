#include "tests/worker/checkpoint/file_faults.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "tests/common/wait_until.h"

namespace sluice::file_faults {
namespace {

template <typename F>
F* Real(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

// A change of names that a power failure may undo. `kept` is a second name of what it took away.
struct NameChange {
  std::string from;  // Empty: `to` was removed.
  std::string to;
  std::string kept;  // Empty: there was nothing.
};

std::string crash_folder;
int64_t crash_at = -1;
Crash crash_kind = Crash::kProcess;
int64_t operations = 0;
std::vector<NameChange> changes;  // Not fsynced.
// Of a file that was written: whether all of it was fsynced, and else how much.
struct Written {
  bool is_synced = false;
  off_t bytes = 0;
};
std::map<std::string, Written> written;  // By present name.

std::string full_folder;
uint64_t space_left = 0;

std::string held_part;
std::atomic<bool> is_holding{false};
std::atomic<bool> is_released{false};

bool Below(const std::string& path, const std::string& folder) {
  return !folder.empty() && path.rfind(folder, 0) == 0;
}

std::string PathOf(int fd) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = ::readlink(link.c_str(), path, sizeof(path));
  return n > 0 ? std::string(path, static_cast<size_t>(n)) : std::string();
}

void Undo() {
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    if (change->from.empty()) {
      if (crash_kind == Crash::kPowerNames)
        Real<int(const char*, const char*)>("rename")(change->kept.c_str(), change->to.c_str());
      continue;
    }
    Real<int(const char*, const char*)>("rename")(change->to.c_str(), change->from.c_str());
    written[change->from] = written[change->to];
    written.erase(change->to);
    if (change->kept.empty()) continue;
    Real<int(const char*, const char*)>("rename")(change->kept.c_str(), change->to.c_str());
  }
}

void Lose() {
  if (crash_kind == Crash::kPowerNames || crash_kind == Crash::kPowerRenames) Undo();
  if (crash_kind != Crash::kProcess) {
    for (const auto& [path, file] : written) {
      if (!file.is_synced && ::truncate(path.c_str(), file.bytes) != 0) ::_exit(1);
    }
  }
}

[[noreturn]] void CrashNow() {
  Lose();
  ::_exit(kCrashed);
}

// Counts an operation on `path`; true: it is the one that must not come to its end.
bool Counts(const std::string& path) {
  return Below(path, crash_folder) && operations++ == crash_at;
}

// A second name, outside of what is listed, for a file that is about to lose its own.
std::string Keep(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return "";
  const std::string kept = crash_folder + ".kept." + std::to_string(operations);
  return ::link(path.c_str(), kept.c_str()) == 0 ? kept : "";
}

int Remove(const char* path, const char* name) {
  if (!Below(path, crash_folder)) return Real<int(const char*)>(name)(path);
  if (Counts(path)) CrashNow();
  if (const std::string kept = Keep(path); !kept.empty()) changes.push_back({"", path, kept});
  written.erase(path);
  return Real<int(const char*)>(name)(path);
}

}  // namespace

void CrashAt(int64_t at, Crash crash, const std::string& folder) {
  crash_at = at;
  crash_kind = crash;
  operations = 0;
  crash_folder = folder;
}
void LoseTheRest() { Lose(); }
int64_t Operations() { return operations; }

void Fill(const std::string& folder, uint64_t bytes) {
  space_left = bytes;
  full_folder = folder;
}

void HoldOpen(const std::string& part) {
  is_released = false;
  held_part = part;
}
bool IsHolding() { return is_holding; }
void Release() { is_released = true; }

}  // namespace sluice::file_faults

using namespace sluice::file_faults;

extern "C" {

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
    if (Below(path, crash_folder)) {
      if (Counts(path)) CrashNow();
      struct stat info {};
      const bool is_there = ::stat(path, &info) == 0 && (flags & O_TRUNC) == 0;
      written[path] = {is_there, is_there ? info.st_size : 0};
    }
    if (!held_part.empty() && std::string(path).find(held_part) != std::string::npos) {
      is_holding = true;
      sluice::WaitUntil([] { return is_released.load(); });
      is_holding = false;
    }
  }
  return Real<int(const char*, int, ...)>("open")(path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t size) {
  const auto real = Real<ssize_t(int, const void*, size_t)>("write");
  const bool watched = !crash_folder.empty() || !full_folder.empty();
  const std::string path = watched ? PathOf(fd) : "";
  if (Counts(path)) {
    [[maybe_unused]] const ssize_t half = real(fd, data, size / 2);
    CrashNow();
  }
  if (Below(path, crash_folder)) written[path].is_synced = false;
  if (Below(path, full_folder)) {
    if (space_left == 0) {
      errno = ENOSPC;
      return -1;
    }
    size = std::min<size_t>(size, space_left);
    space_left -= size;
  }
  return real(fd, data, size);
}

int fsync(int fd) {
  const std::string path = PathOf(fd);
  if (Counts(path)) CrashNow();
  if (path == crash_folder) {
    changes.clear();
  } else if (Below(path, crash_folder)) {
    struct stat info {};
    if (::fstat(fd, &info) == 0) written[path] = {true, info.st_size};
  }
  return Real<int(int)>("fsync")(fd);
}

int rename(const char* from, const char* to) noexcept {
  if (Below(to, crash_folder)) {
    if (Counts(to)) CrashNow();
    changes.push_back({from, to, Keep(to)});
    written[to] = written[from];
    written.erase(from);
  }
  return Real<int(const char*, const char*)>("rename")(from, to);
}

int unlink(const char* path) noexcept { return Remove(path, "unlink"); }
int remove(const char* path) noexcept { return Remove(path, "remove"); }

}  // extern "C"
