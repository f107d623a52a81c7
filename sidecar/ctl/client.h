#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/security/credentials.h"
#include "sluice/v1/runs.grpc.pb.h"

namespace sluice::ctl {

// Whom a call went to, for what is said of its end.
struct Peer {
  std::string what;     // "sidecar" or "worker".
  std::string address;  // HOST:PORT.
  std::string service;  // Its full name in the protocol.
};

// A channel to HOST:PORT, as `access` says and past any web proxy of the environment; answers may
// be as large as a whole history. It connects at its first call: an address where nobody listens is
// that call's error. Thread-safe, as what it returns is.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address,
                                           const security::ClientAccess& access);
// What a call's end means to the user, in one line. OK stays OK.
absl::Status Explain(const grpc::Status& status, const Peer& peer,
                     std::chrono::milliseconds timeout);

// Asks the service Runs. Each call waits at most `timeout`; an error is one line for the user, with
// UNAVAILABLE or DEADLINE_EXCEEDED if the sidecar cannot be reached or does not answer.
// Thread-safe.
class Client {
 public:
  Client(const std::string& address, std::chrono::milliseconds timeout,
         const security::ClientAccess& access = {});

  absl::StatusOr<v1::ListRunsResponse> ListRuns();
  // `context` lets another thread cancel the call.
  absl::StatusOr<v1::RunState> GetRun(const std::string& run, grpc::ClientContext* context);
  absl::StatusOr<v1::RunState> GetRun(const std::string& run);
  absl::StatusOr<v1::GetHistoryResponse> GetHistory(const v1::GetHistoryRequest& request);
  absl::StatusOr<v1::Directive> SetThreshold(const v1::SetThresholdRequest& request);
  absl::StatusOr<v1::Directive> ResetBreaker(const v1::ResetBreakerRequest& request);
  absl::StatusOr<v1::GetJournalResponse> GetJournal(const v1::GetJournalRequest& request);
  absl::StatusOr<v1::GetStorageResponse> GetStorage();
  absl::Status AcknowledgeQuarantine();
  // Has no deadline; `context` ends it.
  std::unique_ptr<grpc::ClientReader<v1::WatchRunResponse>> WatchRun(const std::string& run,
                                                                     grpc::ClientContext* context);

  // What a call's end means to the user. OK stays OK.
  absl::Status Explain(const grpc::Status& status) const;

 private:
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Runs::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Response*),
                                const Request& request, grpc::ClientContext* context);

  const std::string address_;
  const std::chrono::milliseconds timeout_;
  const security::ClientAccess access_;
  std::unique_ptr<v1::Runs::Stub> stub_;
};

}  // namespace sluice::ctl
