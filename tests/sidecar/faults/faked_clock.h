#pragma once

#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/common/peers.h"

namespace sluice::sidecar::testing {

// Another wall clock for a program, which can be moved while it runs; its steady clock stays. By
// libfaketime.
class FakedClock {
 public:
  explicit FakedClock(std::string file) : file_(std::move(file)) { MoveTo("+0"); }

  bool exists() const { return ::access(kLibrary, R_OK) == 0; }
  // For the program's start.
  std::vector<std::string> Environment() const {
    return {std::string("LD_PRELOAD=") + kLibrary, "FAKETIME_TIMESTAMP_FILE=" + file_,
            "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"};
  }
  // By so much from the real one: "+1h", "-1y".
  void MoveTo(const std::string& offset) {
    std::ofstream(file_ + ".new") << offset << "\n";
    ::rename((file_ + ".new").c_str(), file_.c_str());
  }

 private:
  static constexpr char kLibrary[] = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
  const std::string file_;
};

}  // namespace sluice::sidecar::testing
