#pragma once

#include <grpcpp/grpcpp.h>

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "sluice/v1/worker.grpc.pb.h"
#include "worker/ingest/intake.h"

namespace sluice::service {

using IngestReactor = grpc::ServerBidiReactor<v1::IngestImagesRequest, v1::IngestImagesResponse>;

// Largest message of the service: an image that is too large by little is refused in words.
inline constexpr int kMaxIngestBytes = 33 << 20;

// The streams of Worker.IngestImages. One read is in flight per stream; a stream whose images wait
// for the disk reads no more than kMostOutstanding of them or kMostOutstandingBytes, so that a slow
// disk slows the client. Thread-safe.
class IngestStreams {
 public:
  static constexpr size_t kMostOutstanding = 256;
  static constexpr size_t kMostOutstandingBytes = 16 << 20;
  static constexpr size_t kMostStreams = 8;

  // Without an `intake` streams are FAILED_PRECONDITION, as `why` says. Borrows it.
  IngestStreams(ingest::Intake* intake, std::string why) : intake_(intake), why_(std::move(why)) {}

  // A new stream. RESOURCE_EXHAUSTED if there are kMostStreams.
  IngestReactor* Open();
  // Streams end with UNAVAILABLE when what they have been given is answered; new ones at once.
  void Close();
  // For the status; without an intake nothing.
  void Describe(v1::GetStatusResponse& response) const;

 private:
  class Stream;

  void Remove(const Stream* stream);

  ingest::Intake* const intake_;
  const std::string why_;
  std::mutex mutex_;  // Guards all below; never held together with a stream's own.
  std::list<std::shared_ptr<Stream>> streams_;
  bool closed_ = false;
};

}  // namespace sluice::service
