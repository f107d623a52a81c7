#pragma once

#include <google/protobuf/message.h>

#include <cstdio>
#include <string>

#include "absl/status/status.h"

namespace sluice::ctl {

// Standard output, or in tests a file. A reader that went away (`| head`) is no error: what is
// written after it is dropped. SIGPIPE must be ignored. Not thread-safe.
class Output {
 public:
  explicit Output(std::FILE* file) : file_(file) {}

  // Writes and flushes. An error other than a closed pipe names the cause.
  absl::Status Text(const std::string& text);
  // One line of JSON: fields by their own names, also those that are zero.
  absl::Status Json(const google::protobuf::Message& message);

  // True once the reader is known to be gone.
  bool closed() const { return closed_; }
  int descriptor() const { return ::fileno(file_); }

 private:
  std::FILE* file_;
  bool closed_ = false;
};

}  // namespace sluice::ctl
