#include "sidecar/runs/runs_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/runs/history.h"
#include "sidecar/runs/journal.h"
#include "sidecar/wire/check.h"
#include "sidecar/wire/directive.h"
#include "sidecar/wire/run_state.h"

namespace sluice::sidecar {
namespace {

constexpr size_t kMaxReason = 256;

// absl's and gRPC's codes are the same numbers.
grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

grpc::Status UnknownRun(const std::string& run) {
  return grpc::Status(grpc::StatusCode::NOT_FOUND, absl::StrCat("run '", run, "' is not known"));
}

grpc::ServerUnaryReactor* Finished(grpc::CallbackServerContext* context,
                                   const grpc::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

// A request out of its range is the caller's fault, whatever the check that found it.
absl::Status AsInvalid(const absl::Status& status) {
  return status.ok() ? status : absl::InvalidArgumentError(status.message());
}

absl::Status CheckCommand(const std::string& run, const std::string& reason) {
  SLUICE_RETURN_IF_ERROR(CheckName("run", run));
  return CheckLength("reason", reason, kMaxReason);
}

}  // namespace

grpc::ServerUnaryReactor* RunsService::ListRuns(grpc::CallbackServerContext* context,
                                                const v1::ListRunsRequest*,
                                                v1::ListRunsResponse* response) {
  for (const auto& run : hub_->Get()->runs) RunStateToProto(*run, true, response->add_runs());
  return Finished(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* RunsService::GetRun(grpc::CallbackServerContext* context,
                                              const v1::GetRunRequest* request,
                                              v1::GetRunResponse* response) {
  const auto run = hub_->Get()->Find(request->run());
  if (run == nullptr) return Finished(context, UnknownRun(request->run()));
  RunStateToProto(*run, false, response->mutable_state());
  return Finished(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* RunsService::GetHistory(grpc::CallbackServerContext* context,
                                                  const v1::GetHistoryRequest* request,
                                                  v1::GetHistoryResponse* response) {
  const auto run = hub_->Get()->Find(request->run());
  if (run == nullptr) return Finished(context, UnknownRun(request->run()));
  HistoryToProto(*run, *request, response);
  return Finished(context, grpc::Status::OK);
}

grpc::ServerWriteReactor<v1::WatchRunResponse>* RunsService::WatchRun(
    grpc::CallbackServerContext*, const v1::WatchRunRequest* request) {
  return watchers_.Start(request->run(), hub_);
}

grpc::ServerUnaryReactor* RunsService::SetThreshold(grpc::CallbackServerContext* context,
                                                    const v1::SetThresholdRequest* request,
                                                    v1::SetThresholdResponse* response) {
  absl::Status valid = CheckCommand(request->run(), request->reason());
  if (valid.ok()) valid = CheckNumber("threshold", request->threshold(), 0.0, 1.0);
  if (!valid.ok()) return Finished(context, ToGrpc(AsInvalid(valid)));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto done = [reactor, response](const absl::StatusOr<Directive>& directive) {
    if (directive.ok()) DirectiveToProto(*directive, response->mutable_directive());
    reactor->Finish(ToGrpc(directive.status()));
  };
  if (!queue_->TryPush(SetThresholdCommand{request->run(), request->layer(), request->threshold(),
                                           request->reason(), done})) {
    reactor->Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full"));
  }
  return reactor;
}

grpc::ServerUnaryReactor* RunsService::ResetBreaker(grpc::CallbackServerContext* context,
                                                    const v1::ResetBreakerRequest* request,
                                                    v1::ResetBreakerResponse* response) {
  const absl::Status valid = CheckCommand(request->run(), request->reason());
  if (!valid.ok()) return Finished(context, ToGrpc(AsInvalid(valid)));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto done = [reactor, response](const absl::StatusOr<Directive>& directive) {
    if (directive.ok()) DirectiveToProto(*directive, response->mutable_directive());
    reactor->Finish(ToGrpc(directive.status()));
  };
  if (!queue_->TryPush(ResetBreakerCommand{request->run(), request->reason(), done})) {
    reactor->Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full"));
  }
  return reactor;
}

grpc::ServerUnaryReactor* RunsService::GetJournal(grpc::CallbackServerContext* context,
                                                  const v1::GetJournalRequest* request,
                                                  v1::GetJournalResponse* response) {
  if (hub_->Get()->Find(request->run()) == nullptr) {
    return Finished(context, UnknownRun(request->run()));
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  journal_->Read(QueryOf(*request), [reactor, request, response](const auto& entries) {
    if (entries.ok()) JournalToProto(*entries, *request, response);
    reactor->Finish(ToGrpc(entries.status()));
  });
  return reactor;
}

grpc::ServerUnaryReactor* RunsService::GetStorage(grpc::CallbackServerContext* context,
                                                  const v1::GetStorageRequest*,
                                                  v1::GetStorageResponse* response) {
  const std::shared_ptr<const View> view = hub_->Get();
  response->set_writable(view->storage.writable);
  response->set_error(view->storage.error);
  response->set_bytes(view->storage.bytes);
  response->set_commit_failures(view->commit_failures);
  for (const QuarantineView& from : view->storage.quarantines) {
    v1::Quarantine* to = response->add_quarantines();
    to->set_file(from.file);
    to->set_reason(from.reason);
    to->set_acknowledged(from.acknowledged);
  }
  return Finished(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* RunsService::AcknowledgeQuarantine(
    grpc::CallbackServerContext* context, const v1::AcknowledgeQuarantineRequest*,
    v1::AcknowledgeQuarantineResponse*) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto done = [reactor](const absl::StatusOr<Directive>& answer) {
    reactor->Finish(ToGrpc(answer.status()));
  };
  if (!queue_->TryPush(AcknowledgeQuarantineCommand{done})) {
    reactor->Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full"));
  }
  return reactor;
}

}  // namespace sluice::sidecar
