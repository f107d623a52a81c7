#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/security/refusal_tally.h"

namespace sluice::sidecar {

// What keeps streams from taking each other's places.
struct StreamLimits {
  size_t streams = 8192;                   // At a time,
  size_t streams_per_peer = 4096;          // and from one address.
  size_t lanes = 1024;                     // Of a relay's stream.
  std::chrono::milliseconds hello{10000};  // A stream says Hello within this time, or ends.
  double messages_per_second = 10000;      // Of one stream or lane; more are refused.
};

// A stream that can be ended, with what is to be said before.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // Ends it with `status` once what was queued before is sent.
  virtual void Finish(const grpc::Status& status) = 0;
};

// The streams that are up, those of ranks and those of relays, for their limits and for an orderly
// stop. Thread-safe.
class StreamList {
 public:
  // `tally` counts what is turned away, and outlives the list.
  StreamList(const StreamLimits& limits, security::RefusalTally* tally)
      : limits_(limits), tally_(tally) {}

  // OK, or with what the stream ends at once. `host` is where it comes from.
  grpc::Status Add(const std::shared_ptr<OpenStream>& stream, const std::string& host);
  void Remove(const std::shared_ptr<OpenStream>& stream, const std::string& host);
  // New streams are turned away from now on, and those that are up are to read no more.
  void StopReading();
  bool reading() const;
  // Ends all streams with UNAVAILABLE once their last messages are sent, and waits until they are
  // gone or the deadline has come.
  void Finish(std::chrono::steady_clock::time_point deadline);

  const StreamLimits& limits() const { return limits_; }
  security::RefusalTally& tally() const { return *tally_; }

 private:
  const StreamLimits limits_;
  security::RefusalTally* const tally_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<OpenStream>> streams_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, size_t> hosts_ ABSL_GUARDED_BY(mutex_);  // Streams by address.
};

}  // namespace sluice::sidecar
