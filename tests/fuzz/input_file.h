#pragma once

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace sluice::fuzz {

// A file in memory that holds the input, for readers that take a path or a descriptor. Only its
// owner may read it.
class InputFile {
 public:
  InputFile() : file_(::memfd_create("input", MFD_CLOEXEC)) {
    if (file_ < 0 || ::fchmod(file_, S_IRUSR | S_IWUSR) != 0) std::abort();
    path_ = "/proc/self/fd/" + std::to_string(file_);
  }

  const std::string& Fill(const uint8_t* data, size_t size) const {
    if (::ftruncate(file_, 0) != 0) std::abort();
    if (::pwrite(file_, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
    return path_;
  }
  int descriptor() const { return file_; }

 private:
  int file_;
  std::string path_;
};

}  // namespace sluice::fuzz
