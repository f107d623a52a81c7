#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/security/credentials.h"
#include "sluice/v1/worker.grpc.pb.h"

namespace sluice::ctl {

// Asks a rank's service Worker; otherwise as Client. A pause, a resume, a checkpoint and a drain
// are answered when they hold, which takes as long as the step that runs.
class WorkerClient {
 public:
  WorkerClient(const std::string& address, std::chrono::milliseconds timeout,
               const security::ClientAccess& access = {});

  absl::StatusOr<v1::GetStatusResponse> GetStatus();
  absl::StatusOr<v1::PauseResponse> Pause(const std::string& reason);
  absl::StatusOr<v1::ResumeResponse> Resume();
  absl::StatusOr<v1::SaveCheckpointResponse> SaveCheckpoint();
  absl::StatusOr<v1::DrainResponse> Drain();

 private:
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Worker::Stub::*method)(grpc::ClientContext*,
                                                                         const Request&, Response*),
                                const Request& request);

  const std::string address_;
  const std::chrono::milliseconds timeout_;
  const security::ClientAccess access_;
  std::unique_ptr<v1::Worker::Stub> stub_;
};

}  // namespace sluice::ctl
