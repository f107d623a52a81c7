#include "sidecar/ctl/run_feed.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "common/status.h"
#include "sidecar/ctl/format.h"

namespace sluice::ctl {
namespace {

constexpr absl::Duration kBetweenLooks = absl::Seconds(1);
constexpr size_t kMaxWaiting = 64;

}  // namespace

RunFeed::RunFeed(Client* client, const std::string& run)
    : client_(client), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SLUICE_CHECK(event_.is_open());
  reader_ = std::thread([this, run] { ReadUpdates(run); });
  looker_ = std::thread([this, run] { LookAtTimes(run); });
}

RunFeed::~RunFeed() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (look_ != nullptr) look_->TryCancel();
  }
  watch_.TryCancel();
  reader_.join();
  looker_.join();
}

void RunFeed::ReadUpdates(const std::string& run) {
  const auto reader = client_->WatchRun(run, &watch_);
  v1::WatchRunResponse response;
  while (reader->Read(&response)) Put(std::move(*response.mutable_state()));
  const absl::Status end = client_->Explain(reader->Finish());
  Put(end.ok() ? absl::UnavailableError("the sidecar ended the watch, expected updates") : end);
}

void RunFeed::LookAtTimes(const std::string& run) {
  while (true) {
    grpc::ClientContext context;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      look_ = &context;
    }
    absl::StatusOr<v1::RunState> state = client_->GetRun(run, &context);
    {
      absl::MutexLock lock(&mutex_);
      look_ = nullptr;
      if (state.ok() && !HasEnded(*state)) {
        mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kBetweenLooks);
        continue;
      }
    }
    Put(std::move(state));
    return;
  }
}

void RunFeed::Put(absl::StatusOr<v1::RunState> item) {
  absl::MutexLock lock(&mutex_);
  const auto has_room = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || items_.size() < kMaxWaiting;
  };
  mutex_.Await(absl::Condition(&has_room));
  if (stopping_) return;
  items_.push_back(std::move(item));
  const uint64_t one = 1;
  SLUICE_CHECK(::write(event_.get(), &one, sizeof(one)) == sizeof(one));
}

std::optional<absl::StatusOr<v1::RunState>> RunFeed::Take() {
  absl::MutexLock lock(&mutex_);
  if (items_.empty()) {
    uint64_t count = 0;
    // Nothing is left, so whether it was readable does not matter.
    [[maybe_unused]] const ssize_t read = ::read(event_.get(), &count, sizeof(count));
    return std::nullopt;
  }
  absl::StatusOr<v1::RunState> item = std::move(items_.front());
  items_.pop_front();
  return item;
}

}  // namespace sluice::ctl
