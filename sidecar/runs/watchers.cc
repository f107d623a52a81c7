#include "sidecar/runs/watchers.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sidecar/wire/run_state.h"

namespace sluice::sidecar {

// Lives from the call's start to OnDone. The hub calls it on the writer thread.
class Watchers::Reactor final : public grpc::ServerWriteReactor<v1::WatchRunResponse>,
                                public ViewWatcher {
 public:
  Reactor(Watchers* owner, std::string run, ViewHub* hub)
      : owner_(owner), run_(std::move(run)), hub_(hub) {}

  void Begin(bool stopping) {
    hub_->Add(this);
    const auto view = hub_->Get();
    if (stopping) {
      End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the sidecar is shutting down"));
    } else if (view->Find(run_) == nullptr) {
      End(grpc::Status(grpc::StatusCode::NOT_FOUND, absl::StrCat("run '", run_, "' is not known")));
    } else {
      OnView(view);
    }
  }

  void OnView(const std::shared_ptr<const View>& view) override {
    const auto run = view->Find(run_);
    absl::MutexLock lock(&mutex_);
    if (run == nullptr || (sent_any_ && run->revision <= revision_)) return;
    sent_any_ = true;
    revision_ = run->revision;
    pending_ = run;
    Pump();
  }

  void End(const grpc::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (!ending_) end_status_ = status;
    ending_ = true;
    Pump();
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    ending_ |= !ok;
    Pump();
  }
  void OnCancel() override { End(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled")); }
  void OnDone() override {
    hub_->Remove(this);
    {
      absl::MutexLock lock(&owner_->mutex_);
      owner_->reactors_.erase(this);
    }
    delete this;
  }

 private:
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (ending_) {
      finished_ = true;
      Finish(end_status_);
    } else if (pending_ != nullptr) {
      message_.Clear();
      RunStateToProto(*pending_, false, message_.mutable_state());
      pending_.reset();
      writing_ = true;
      StartWrite(&message_);
    }
  }

  Watchers* owner_;
  const std::string run_;
  ViewHub* hub_;
  absl::Mutex mutex_;
  bool sent_any_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  grpc::Status end_status_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const RunView> pending_ ABSL_GUARDED_BY(mutex_);
  v1::WatchRunResponse message_ ABSL_GUARDED_BY(mutex_);
};

grpc::ServerWriteReactor<v1::WatchRunResponse>* Watchers::Refuse(const grpc::Status& why) {
  class Refused final : public grpc::ServerWriteReactor<v1::WatchRunResponse> {
   public:
    explicit Refused(const grpc::Status& status) { Finish(status); }
    void OnDone() override { delete this; }
  };
  return new Refused(why);
}

grpc::ServerWriteReactor<v1::WatchRunResponse>* Watchers::Start(const std::string& run,
                                                                ViewHub* hub) {
  Reactor* reactor = nullptr;
  bool stopping = false;
  {
    absl::MutexLock lock(&mutex_);
    stopping = stopping_;
    if (reactors_.size() < most_) {
      reactor = new Reactor(this, run, hub);
      reactors_.insert(reactor);
    }
  }
  if (reactor == nullptr) {
    tally_->Count(security::Denial::kStreams);
    return Refuse({grpc::StatusCode::RESOURCE_EXHAUSTED,
                   absl::StrCat("there are ", most_, " watches already")});
  }
  reactor->Begin(stopping);
  return reactor;
}

void Watchers::FinishAll() {
  // OnDone takes the lock to erase the reactor, so none of these goes away meanwhile.
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  for (Reactor* reactor : reactors_) {
    reactor->End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the sidecar is shutting down"));
  }
}

}  // namespace sluice::sidecar
