#include "sidecar/ingest/stream_list.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace sluice::sidecar {

grpc::Status StreamList::Add(const std::shared_ptr<OpenStream>& stream, const std::string& host) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return {grpc::StatusCode::UNAVAILABLE, "the sidecar is shutting down"};
  const auto here = hosts_.find(host);
  const bool full = streams_.size() >= limits_.streams;
  if (full || (here != hosts_.end() && here->second >= limits_.streams_per_peer)) {
    tally_->Count(security::Denial::kStreams);
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            absl::StrCat("there are ", full ? streams_.size() : here->second, " streams already",
                         full ? "" : absl::StrCat(" from ", host))};
  }
  streams_.insert(stream);
  ++hosts_[host];
  return grpc::Status::OK;
}

void StreamList::Remove(const std::shared_ptr<OpenStream>& stream, const std::string& host) {
  absl::MutexLock lock(&mutex_);
  streams_.erase(stream);
  if (--hosts_[host] == 0) hosts_.erase(host);
}

bool StreamList::reading() const {
  absl::MutexLock lock(&mutex_);
  return !stopping_;
}

void StreamList::StopReading() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

void StreamList::Finish(std::chrono::steady_clock::time_point deadline) {
  std::vector<std::shared_ptr<OpenStream>> streams;
  {
    absl::MutexLock lock(&mutex_);
    streams.assign(streams_.begin(), streams_.end());
  }
  for (const auto& stream : streams) {
    stream->Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the sidecar is shutting down"));
  }
  const auto none_left = [this]()
                             ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return streams_.empty(); };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&none_left),
                          absl::FromChrono(deadline - std::chrono::steady_clock::now()));
}

}  // namespace sluice::sidecar
