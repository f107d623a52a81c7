#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/launch/sidecar_process.h"

namespace sluice::study {

// A sidecar that is killed (SIGKILL) and started again, at the same address and with the same
// state, as often as it takes. address() and kills() may be called from any thread.
class KilledSidecar {
 public:
  // `kill_every`: mean seconds between two kills; 0: none. From the process's main thread.
  static absl::StatusOr<std::unique_ptr<KilledSidecar>> Start(const launch::SidecarOptions& options,
                                                              double kill_every);
  ~KilledSidecar();

  const std::string& address() const { return options_.listen; }
  int64_t kills() const { return kills_.load(); }

  // Ends it for good; once. An error if it could not be started again, or did not exit with 0.
  absl::Status Stop();

 private:
  void KillAgainAndAgain(double every);

  launch::SidecarOptions options_;
  // Belongs to the thread while that runs: a sidecar that it started is sent the parent-death
  // signal when it ends, so it must have stopped the sidecar by then.
  std::optional<launch::SidecarProcess> sidecar_;
  absl::Status end_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::atomic<int64_t> kills_{0};
};

}  // namespace sluice::study
