#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string>

#include "absl/synchronization/mutex.h"
#include "sluice/v1/runs.grpc.pb.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/ctl/local_server.h"
#include "tests/sidecar/ctl/states.h"

namespace sluice::ctl {

// A service Runs that says what a test wants of one run. A watch tells the steps 1 to `updates` and
// then is silent until its end. After ten seconds the run has ended in any case, so that no test
// waits for ever. Thread-safe.
class FakeRuns final : public v1::Runs::Service {
 public:
  explicit FakeRuns(uint64_t updates) : updates_(updates) {}

  const std::string& address() const { return server_.address(); }
  // The run ends; only a look shows it.
  void EndRun() { Set(&ended_); }
  // The watch ends, without an error.
  void EndWatch() { Set(&watch_over_); }
  // No look is answered before its deadline.
  void Hang() { Set(&hangs_); }

  grpc::Status GetRun(grpc::ServerContext* context, const v1::GetRunRequest* request,
                      v1::GetRunResponse* response) override {
    WaitWhile(context, [this] { return Is(&hangs_); });
    *response->mutable_state() = StateOf(request->run());
    if (!Is(&ended_) && std::chrono::steady_clock::now() < latest_end_) return grpc::Status::OK;
    for (v1::RankState& rank : *response->mutable_state()->mutable_ranks()) rank.set_ended(true);
    return grpc::Status::OK;
  }
  grpc::Status WatchRun(grpc::ServerContext* context, const v1::WatchRunRequest* request,
                        grpc::ServerWriter<v1::WatchRunResponse>* writer) override {
    for (uint64_t step = 1; step <= updates_; ++step) {
      v1::WatchRunResponse response;
      *response.mutable_state() = StateOf(request->run());
      response.mutable_state()->set_step(step);
      if (!writer->Write(response)) break;
    }
    WaitWhile(context, [this] { return !Is(&watch_over_); });
    return grpc::Status::OK;
  }

 private:
  void Set(bool* flag) {
    absl::MutexLock lock(&mutex_);
    *flag = true;
  }
  bool Is(const bool* flag) const {
    absl::MutexLock lock(&mutex_);
    return *flag;
  }
  // At most ten seconds, and not longer than the client wants to know.
  template <typename Condition>
  void WaitWhile(grpc::ServerContext* context, Condition condition) {
    WaitUntil([&] { return !condition() || context->IsCancelled(); }, std::chrono::seconds(10));
  }

  const uint64_t updates_;
  const std::chrono::steady_clock::time_point latest_end_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(10);
  mutable absl::Mutex mutex_;
  bool ended_ = false;
  bool watch_over_ = false;
  bool hangs_ = false;
  LocalServer server_{this};  // The last, so that it serves only while the rest is there.
};

}  // namespace sluice::ctl
