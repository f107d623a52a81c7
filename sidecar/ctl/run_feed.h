#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/file_descriptor.h"
#include "sidecar/ctl/client.h"

namespace sluice::ctl {

// One run as it changes: the stream WatchRun, and beside it a look at once and every second,
// because the stream is silent when a run ends between two windows or the sidecar hangs. The last
// item is an error or the run at its end. Two threads of its own; Take from one thread.
class RunFeed {
 public:
  RunFeed(Client* client, const std::string& run);
  // Cancels what is under way.
  ~RunFeed();
  RunFeed(const RunFeed&) = delete;
  RunFeed& operator=(const RunFeed&) = delete;

  // Readable while there is something to take.
  int descriptor() const { return event_.get(); }
  // The oldest item that was not taken, if any. An error is one line for the user.
  std::optional<absl::StatusOr<v1::RunState>> Take();

 private:
  void ReadUpdates(const std::string& run);
  void LookAtTimes(const std::string& run);
  // Waits while the queue is full: the sidecar then merges updates.
  void Put(absl::StatusOr<v1::RunState> item);

  Client* const client_;
  const FileDescriptor event_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<absl::StatusOr<v1::RunState>> items_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* look_ ABSL_GUARDED_BY(mutex_) = nullptr;  // Of the look under way.
  grpc::ClientContext watch_;
  std::thread reader_;
  std::thread looker_;
};

}  // namespace sluice::ctl
