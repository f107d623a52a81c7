#pragma once

#include <grpcpp/grpcpp.h>

#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/security/refusal_tally.h"
#include "sidecar/engine/view_hub.h"
#include "sluice/v1/runs.pb.h"

namespace sluice::sidecar {

// The watches of runs that are up: each sends the run now and whenever a window closes or a
// directive is made. A slow reader gets the newest state, not every one. Thread-safe.
class Watchers {
 public:
  // At most `most` at a time; more end with RESOURCE_EXHAUSTED and are counted.
  Watchers(size_t most, security::RefusalTally* tally) : most_(most), tally_(tally) {}

  // A watch that ends at once.
  static grpc::ServerWriteReactor<v1::WatchRunResponse>* Refuse(const grpc::Status& why);
  grpc::ServerWriteReactor<v1::WatchRunResponse>* Start(const std::string& run, ViewHub* hub);
  // Ends all with UNAVAILABLE; further ones end at once.
  void FinishAll();

 private:
  class Reactor;

  const size_t most_;
  security::RefusalTally* const tally_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<Reactor*> reactors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::sidecar
