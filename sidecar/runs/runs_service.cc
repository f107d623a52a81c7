#include "sidecar/runs/runs_service.h"

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/security/credentials.h"
#include "common/status.h"
#include "sidecar/runs/history.h"
#include "sidecar/runs/journal.h"
#include "sidecar/wire/check.h"
#include "sidecar/wire/directive.h"
#include "sidecar/wire/run_state.h"

namespace sluice::sidecar {
namespace {

constexpr size_t kMaxReason = 256;

using Clock = std::chrono::steady_clock;
using security::FactsOf;
using security::ToGrpc;

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

// Writes the directive that a command led to.
template <typename Response>
auto AnswerWith(Response* response) {
  return [response](const Directive& directive) {
    DirectiveToProto(directive, response->mutable_directive());
    return absl::StrCat("directive ", directive.version);
  };
}

}  // namespace

grpc::Status RunsService::Admit(const grpc::CallbackServerContext& context,
                                const security::Rule& rule, const std::string& run) {
  return ToGrpc(guard_->Admit(FactsOf(context), rule, run, Clock::now()).status());
}

grpc::ServerUnaryReactor* RunsService::ListRuns(grpc::CallbackServerContext* context,
                                                const v1::ListRunsRequest*,
                                                v1::ListRunsResponse* response) {
  const auto caller = guard_->Admit(FactsOf(*context), security::kListRuns, "", Clock::now());
  if (!caller.ok()) return Finished(context, ToGrpc(caller.status()));
  for (const auto& run : hub_->Get()->runs) {
    const std::string& name = run->record.run;
    // Whoever may look at one run alone sees no other.
    if (caller->Has(security::Role::kReader, name) || caller->Has(security::Role::kAdmin, name)) {
      RunStateToProto(*run, true, response->add_runs());
    }
  }
  return Finished(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* RunsService::GetRun(grpc::CallbackServerContext* context,
                                              const v1::GetRunRequest* request,
                                              v1::GetRunResponse* response) {
  const grpc::Status allowed = Admit(*context, security::kGetRun, request->run());
  if (!allowed.ok()) return Finished(context, allowed);
  const auto run = hub_->Get()->Find(request->run());
  if (run == nullptr) return Finished(context, UnknownRun(request->run()));
  RunStateToProto(*run, false, response->mutable_state());
  return Finished(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* RunsService::GetHistory(grpc::CallbackServerContext* context,
                                                  const v1::GetHistoryRequest* request,
                                                  v1::GetHistoryResponse* response) {
  const grpc::Status allowed = Admit(*context, security::kGetHistory, request->run());
  if (!allowed.ok()) return Finished(context, allowed);
  const auto run = hub_->Get()->Find(request->run());
  if (run == nullptr) return Finished(context, UnknownRun(request->run()));
  HistoryToProto(*run, *request, response);
  return Finished(context, grpc::Status::OK);
}

grpc::ServerWriteReactor<v1::WatchRunResponse>* RunsService::WatchRun(
    grpc::CallbackServerContext* context, const v1::WatchRunRequest* request) {
  const grpc::Status allowed = Admit(*context, security::kWatchRun, request->run());
  return allowed.ok() ? watchers_.Start(request->run(), hub_) : Watchers::Refuse(allowed);
}

template <typename Fill, typename Make>
grpc::ServerUnaryReactor* RunsService::Command(grpc::CallbackServerContext* context,
                                               const security::Rule& rule, const std::string& run,
                                               const security::Guard::Arguments& arguments,
                                               const absl::Status& valid, Fill fill, Make make) {
  const auto end = guard_->Begin(FactsOf(*context), rule, run, arguments, Clock::now());
  if (!end.ok()) return Finished(context, ToGrpc(end.status()));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto finish = [reactor, end = *end](const absl::Status& result, const std::string& detail) {
    end(result, detail, [reactor](const absl::Status& told) { reactor->Finish(ToGrpc(told)); });
  };
  if (!valid.ok()) {
    finish(AsInvalid(valid), "");
    return reactor;
  }
  const DirectiveDone done = [finish, fill](const absl::StatusOr<Directive>& directive) {
    finish(directive.status(), directive.ok() ? fill(*directive) : "");
  };
  if (!queue_->TryPush(make(done))) finish(absl::ResourceExhaustedError("the queue is full"), "");
  return reactor;
}

grpc::ServerUnaryReactor* RunsService::SetThreshold(grpc::CallbackServerContext* context,
                                                    const v1::SetThresholdRequest* request,
                                                    v1::SetThresholdResponse* response) {
  absl::Status valid = CheckCommand(request->run(), request->reason());
  if (valid.ok()) valid = CheckNumber("threshold", request->threshold(), 0.0, 1.0);
  return Command(context, security::kSetThreshold, request->run(),
                 {{"run", request->run()},
                  {"layer", absl::StrCat(request->layer())},
                  {"threshold", absl::StrCat(request->threshold())},
                  {"reason", request->reason()}},
                 valid, AnswerWith(response), [request](const DirectiveDone& done) {
                   return SetThresholdCommand{request->run(), request->layer(),
                                              request->threshold(), request->reason(), done};
                 });
}

grpc::ServerUnaryReactor* RunsService::ResetBreaker(grpc::CallbackServerContext* context,
                                                    const v1::ResetBreakerRequest* request,
                                                    v1::ResetBreakerResponse* response) {
  return Command(context, security::kResetBreaker, request->run(),
                 {{"run", request->run()}, {"reason", request->reason()}},
                 CheckCommand(request->run(), request->reason()), AnswerWith(response),
                 [request](const DirectiveDone& done) {
                   return ResetBreakerCommand{request->run(), request->reason(), done};
                 });
}

grpc::ServerUnaryReactor* RunsService::GetJournal(grpc::CallbackServerContext* context,
                                                  const v1::GetJournalRequest* request,
                                                  v1::GetJournalResponse* response) {
  const grpc::Status allowed = Admit(*context, security::kGetJournal, request->run());
  if (!allowed.ok()) return Finished(context, allowed);
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
  const grpc::Status allowed = Admit(*context, security::kGetStorage, "");
  if (!allowed.ok()) return Finished(context, allowed);
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
  // Of all runs.
  return Command(
      context, security::kAcknowledgeQuarantine, "*", {}, absl::OkStatus(),
      [](const Directive&) { return std::string(); },
      [](const DirectiveDone& done) { return AcknowledgeQuarantineCommand{done}; });
}

}  // namespace sluice::sidecar
