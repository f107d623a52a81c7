#include "sidecar/ctl/client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/ctl/table.h"

namespace sluice::ctl {
namespace {

// 4,096 windows of many gate layers are a few MB.
constexpr int kMaxAnswerBytes = 64 << 20;

}  // namespace

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address,
                                           const security::ClientAccess& access) {
  grpc::ChannelArguments arguments;
  // A proxy for web pages is none for a sidecar.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  return access.OpenChannel(address, arguments);
}

Client::Client(const std::string& address, std::chrono::milliseconds timeout,
               const security::ClientAccess& access)
    : address_(address),
      timeout_(timeout),
      access_(access),
      stub_(v1::Runs::NewStub(OpenChannel(address, access))) {}

template <typename Request, typename Response>
absl::StatusOr<Response> Client::Call(grpc::Status (v1::Runs::Stub::*method)(grpc::ClientContext*,
                                                                             const Request&,
                                                                             Response*),
                                      const Request& request, grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + timeout_);
  access_.Authorize(context);
  Response response;
  SLUICE_RETURN_IF_ERROR(Explain((stub_.get()->*method)(context, request, &response)));
  return response;
}

absl::StatusOr<v1::ListRunsResponse> Client::ListRuns() {
  grpc::ClientContext context;
  return Call(&v1::Runs::Stub::ListRuns, v1::ListRunsRequest(), &context);
}

absl::StatusOr<v1::RunState> Client::GetRun(const std::string& run, grpc::ClientContext* context) {
  v1::GetRunRequest request;
  request.set_run(run);
  SLUICE_ASSIGN_OR_RETURN(v1::GetRunResponse response,
                          Call(&v1::Runs::Stub::GetRun, request, context));
  return std::move(*response.mutable_state());
}

absl::StatusOr<v1::RunState> Client::GetRun(const std::string& run) {
  grpc::ClientContext context;
  return GetRun(run, &context);
}

absl::StatusOr<v1::GetHistoryResponse> Client::GetHistory(const v1::GetHistoryRequest& request) {
  grpc::ClientContext context;
  return Call(&v1::Runs::Stub::GetHistory, request, &context);
}

absl::StatusOr<v1::Directive> Client::SetThreshold(const v1::SetThresholdRequest& request) {
  grpc::ClientContext context;
  SLUICE_ASSIGN_OR_RETURN(v1::SetThresholdResponse response,
                          Call(&v1::Runs::Stub::SetThreshold, request, &context));
  return std::move(*response.mutable_directive());
}

absl::StatusOr<v1::Directive> Client::ResetBreaker(const v1::ResetBreakerRequest& request) {
  grpc::ClientContext context;
  SLUICE_ASSIGN_OR_RETURN(v1::ResetBreakerResponse response,
                          Call(&v1::Runs::Stub::ResetBreaker, request, &context));
  return std::move(*response.mutable_directive());
}

absl::StatusOr<v1::GetJournalResponse> Client::GetJournal(const v1::GetJournalRequest& request) {
  grpc::ClientContext context;
  return Call(&v1::Runs::Stub::GetJournal, request, &context);
}

absl::StatusOr<v1::GetStorageResponse> Client::GetStorage() {
  grpc::ClientContext context;
  return Call(&v1::Runs::Stub::GetStorage, v1::GetStorageRequest(), &context);
}

absl::Status Client::AcknowledgeQuarantine() {
  grpc::ClientContext context;
  return Call(&v1::Runs::Stub::AcknowledgeQuarantine, v1::AcknowledgeQuarantineRequest(), &context)
      .status();
}

std::unique_ptr<grpc::ClientReader<v1::WatchRunResponse>> Client::WatchRun(
    const std::string& run, grpc::ClientContext* context) {
  access_.Authorize(context);
  v1::WatchRunRequest request;
  request.set_run(run);
  return stub_->WatchRun(context, request);
}

absl::Status Client::Explain(const grpc::Status& status) const {
  return ctl::Explain(status, {"sidecar", address_, "sluice.v1.Runs"}, timeout_);
}

absl::Status Explain(const grpc::Status& status, const Peer& peer,
                     std::chrono::milliseconds timeout) {
  const std::string why = OneLine(status.error_message());
  const std::string whom = absl::StrCat(peer.what, " ", peer.address);
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return absl::OkStatus();
    case grpc::StatusCode::UNAVAILABLE:
      return absl::UnavailableError(
          absl::StrCat(whom, " is not reachable, expected a sluice-", peer.what, " there: ", why));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return absl::DeadlineExceededError(
          absl::StrCat(whom, " did not answer, expected an answer within ",
                       static_cast<double>(timeout.count()) / 1000.0, " s (--timeout)"));
    case grpc::StatusCode::UNIMPLEMENTED:
      return absl::UnimplementedError(
          absl::StrCat(whom, " does not know this call, expected service ", peer.service));
    case grpc::StatusCode::NOT_FOUND:
      return absl::NotFoundError(
          absl::StrCat(why, ", expected what 'sluicectl runs' and 'sluicectl get RUN' show"));
    default:
      // absl's and gRPC's codes are the same numbers.
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                          absl::StrCat(whom, ": ", why));
  }
}

}  // namespace sluice::ctl
