// Loaded in front of the system's library into the sidecar (LD_PRELOAD). What happens to files
// whose name begins with "sluice.db" is said by files beside the one that SLUICE_STORE_FAULTS
// names:
//   PATH.full   writes fail with ENOSPC
//   PATH.write  writes fail with EIO
//   PATH.sync   syncs fail with EIO
// Syncs that fail, syncs that succeed and truncations are noted in PATH.log, a line each.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace {

std::string StateFileOf(int fd) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = ::readlink(link.c_str(), path, sizeof(path));
  if (n <= 0) return "";
  const std::string whole(path, static_cast<size_t>(n));
  const std::string name = whole.substr(whole.rfind('/') + 1);
  return name.rfind("sluice.db", 0) == 0 ? name : "";
}

std::string Control() {
  const char* path = std::getenv("SLUICE_STORE_FAULTS");
  return path == nullptr ? "" : path;
}

bool IsOn(const char* fault) { return ::access((Control() + fault).c_str(), F_OK) == 0; }

template <typename F>
F Real(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

void Note(const std::string& line) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  static const int log = ::open((Control() + ".log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (log >= 0 && real(log, (line + "\n").c_str(), line.size() + 1) < 0) ::abort();
}

int WriteError(int fd) {
  if (StateFileOf(fd).empty()) return 0;
  if (IsOn(".full")) return ENOSPC;
  return IsOn(".write") ? EIO : 0;
}

int Sync(int fd, int (*real)(int)) {
  const std::string name = StateFileOf(fd);
  if (!name.empty() && IsOn(".sync")) {
    Note("failed " + name);
    errno = EIO;
    return -1;
  }
  const int result = real(fd);
  if (!name.empty()) Note("synced " + name);
  return result;
}

}  // namespace

extern "C" {

int fsync(int fd) {
  static const auto real = Real<int (*)(int)>("fsync");
  return Sync(fd, real);
}

int fdatasync(int fd) {
  static const auto real = Real<int (*)(int)>("fdatasync");
  return Sync(fd, real);
}

int ftruncate64(int fd, off64_t size) {
  static const auto real = Real<int (*)(int, off64_t)>("ftruncate64");
  const std::string name = StateFileOf(fd);
  if (!name.empty()) Note("truncated " + name);
  return real(fd, size);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  if (const int error = WriteError(fd); error != 0) {
    errno = error;
    return -1;
  }
  return real(fd, data, size, offset);
}

ssize_t write(int fd, const void* data, size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  if (const int error = WriteError(fd); error != 0) {
    errno = error;
    return -1;
  }
  return real(fd, data, size);
}

}  // extern "C"
