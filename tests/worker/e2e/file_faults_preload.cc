// Loaded in front of the system's library into the real binaries (LD_PRELOAD), for checkpoints that
// hang or find the disk full. Off unless told so by the environment:
//   SLUICE_HOLD=PATH  the first fsync of a checkpoint makes the file PATH.held and waits for
//   PATH.go SLUICE_FULL=NAME  writes to files whose path has NAME in it fail with ENOSPC
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace {

std::string PathOf(int fd) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = ::readlink(link.c_str(), path, sizeof(path));
  return n > 0 ? std::string(path, static_cast<size_t>(n)) : std::string();
}

void Hold(const std::string& path) {
  const int held = ::open((path + ".held").c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (held < 0) return;  // It was held once.
  ::close(held);
  for (int look = 0; look < 6000 && ::access((path + ".go").c_str(), F_OK) != 0; ++look)
    ::usleep(5000);
}

}  // namespace

extern "C" {

int fsync(int fd) {
  static const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fsync"));
  if (const char* path = std::getenv("SLUICE_HOLD"); path != nullptr) {
    if (PathOf(fd).find("checkpoint-") != std::string::npos) Hold(path);
  }
  return real(fd);
}

ssize_t write(int fd, const void* data, size_t size) {
  static const auto real =
      reinterpret_cast<ssize_t (*)(int, const void*, size_t)>(::dlsym(RTLD_NEXT, "write"));
  if (const char* name = std::getenv("SLUICE_FULL"); name != nullptr) {
    if (PathOf(fd).find(name) != std::string::npos) {
      errno = ENOSPC;
      return -1;
    }
  }
  return real(fd, data, size);
}

}  // extern "C"
