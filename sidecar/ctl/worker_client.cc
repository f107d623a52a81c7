#include "sidecar/ctl/worker_client.h"

#include "common/status.h"
#include "sidecar/ctl/client.h"

namespace sluice::ctl {

WorkerClient::WorkerClient(const std::string& address, std::chrono::milliseconds timeout,
                           const security::ClientAccess& access)
    : address_(address),
      timeout_(timeout),
      access_(access),
      stub_(v1::Worker::NewStub(OpenChannel(address, access))) {}

template <typename Request, typename Response>
absl::StatusOr<Response> WorkerClient::Call(
    grpc::Status (v1::Worker::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout_);
  access_.Authorize(&context);
  Response response;
  SLUICE_RETURN_IF_ERROR(Explain((stub_.get()->*method)(&context, request, &response),
                                 {"worker", address_, "sluice.v1.Worker"}, timeout_));
  return response;
}

absl::StatusOr<v1::GetStatusResponse> WorkerClient::GetStatus() {
  return Call(&v1::Worker::Stub::GetStatus, v1::GetStatusRequest());
}

absl::StatusOr<v1::PauseResponse> WorkerClient::Pause(const std::string& reason) {
  v1::PauseRequest request;
  request.set_reason(reason);
  return Call(&v1::Worker::Stub::Pause, request);
}

absl::StatusOr<v1::ResumeResponse> WorkerClient::Resume() {
  return Call(&v1::Worker::Stub::Resume, v1::ResumeRequest());
}

absl::StatusOr<v1::SaveCheckpointResponse> WorkerClient::SaveCheckpoint() {
  return Call(&v1::Worker::Stub::SaveCheckpoint, v1::SaveCheckpointRequest());
}

absl::StatusOr<v1::DrainResponse> WorkerClient::Drain() {
  return Call(&v1::Worker::Stub::Drain, v1::DrainRequest());
}

}  // namespace sluice::ctl
