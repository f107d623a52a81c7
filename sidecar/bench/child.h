#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::sidecar {

// `program`, a sluice-sidecar, on free ports. Killed at the end.
class Child {
 public:
  // Listens when it returns, within ten seconds. Its log goes to `folder`/NAME.log.
  static absl::StatusOr<std::unique_ptr<Child>> Start(const std::string& program,
                                                      const std::string& folder,
                                                      const std::string& name,
                                                      std::vector<std::string> arguments);
  ~Child();

  const std::string& grpc() const { return grpc_; }
  const std::string& http() const { return http_; }
  // What it has in memory now, in bytes.
  uint64_t ResidentBytes() const;
  // The most that it has had, in bytes.
  uint64_t PeakBytes() const;
  // Processor time that it has used, in seconds.
  double CpuSeconds() const;

 private:
  bool HasEnded();

  pid_t pid_ = -1;
  std::string grpc_;
  std::string http_;
};

// Body of a GET on HOST:PORT; UNAVAILABLE if there is no answer with status 200.
absl::StatusOr<std::string> Get(const std::string& address, const std::string& path);

}  // namespace sluice::sidecar
