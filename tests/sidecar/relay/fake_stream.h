#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "sidecar/ingest/stream_port.h"
#include "tests/common/wait_until.h"

namespace sluice::sidecar::testing {

// A rank's stream without gRPC: what is written is there at once. Thread-safe.
class FakeStream final : public StreamDriver {
 public:
  ~FakeStream() override { port->Detach(); }

  void DriveWrite(const v1::SidecarMessage* message) override {
    const std::lock_guard lock(mutex_);
    written_.push_back(*message);
    writing_ = true;
  }
  void DriveRead() override {
    const std::lock_guard lock(mutex_);
    ++reads_;
  }
  void DriveFinish(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    end_ = status;
  }

  int reads() const {
    const std::lock_guard lock(mutex_);
    return reads_;
  }
  // With what it has ended, within ten seconds; UNKNOWN if it has not.
  grpc::Status End() {
    WaitUntil([this] { return Pump() && Copy(end_).has_value(); }, std::chrono::seconds(10));
    return Copy(end_).value_or(grpc::Status(grpc::StatusCode::UNKNOWN, "it goes on"));
  }
  bool has_ended() const { return Copy(end_).has_value(); }
  // The first `count` messages that were written, within ten seconds.
  std::vector<v1::SidecarMessage> Written(size_t count) {
    WaitUntil([&] { return Pump() && Copy(written_).size() >= count; }, std::chrono::seconds(10));
    return Copy(written_);
  }

  const std::shared_ptr<StreamPort> port = std::make_shared<StreamPort>(this);

 private:
  template <typename T>
  T Copy(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  // Ends the write that is under way.
  bool Pump() {
    bool was_writing = false;
    {
      const std::lock_guard lock(mutex_);
      std::swap(was_writing, writing_);
    }
    if (was_writing) port->OnWriteDone(true);
    return true;
  }

  mutable std::mutex mutex_;
  std::vector<v1::SidecarMessage> written_;
  bool writing_ = false;
  int reads_ = 0;
  std::optional<grpc::Status> end_;
};

}  // namespace sluice::sidecar::testing
