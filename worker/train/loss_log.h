#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_descriptor.h"

namespace sluice::train {

inline constexpr char kLossLogName[] = "losses.f64";

// The losses of a run's steps to the bit, for `sluice-worker replay`: a file whose record of 8
// bytes at 8 * (step - 1) is the loss of `step`, a double; NaN for a step in which nothing was
// open. Steps that are run again write the same. Never fsynced: a power failure may lose the
// newest. Move-only.
class LossLog {
 public:
  // Creates the file if need be.
  static absl::StatusOr<LossLog> Open(const std::string& path);
  absl::Status Write(uint64_t step, std::optional<double> loss);

 private:
  LossLog(FileDescriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  FileDescriptor file_;
  std::string path_;
};

// Bits of the losses of the first `steps` steps. OUT_OF_RANGE if there are fewer.
absl::StatusOr<std::vector<uint64_t>> ReadLossBits(const std::string& path, uint64_t steps);

}  // namespace sluice::train
