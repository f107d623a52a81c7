#include "sidecar/ctl/commands.h"

#include "common/status.h"
#include "sidecar/ctl/breaker_format.h"
#include "sidecar/ctl/client.h"
#include "sidecar/ctl/format.h"
#include "sidecar/ctl/ingest_command.h"
#include "sidecar/ctl/journal_format.h"
#include "sidecar/ctl/watch_loop.h"
#include "sidecar/ctl/worker_client.h"
#include "sidecar/ctl/worker_format.h"

namespace sluice::ctl {
namespace {

absl::Status RunRuns(const Arguments& arguments, Client& client, Output& output) {
  SLUICE_ASSIGN_OR_RETURN(const v1::ListRunsResponse runs, client.ListRuns());
  return arguments.json ? output.Json(runs) : output.Text(RunsText(runs));
}

absl::Status RunGet(const Arguments& arguments, Client& client, Output& output) {
  SLUICE_ASSIGN_OR_RETURN(const v1::RunState state, client.GetRun(arguments.run));
  return arguments.json ? output.Json(state) : output.Text(RunText(state));
}

absl::Status RunHistory(const Arguments& arguments, Client& client, Output& output) {
  v1::GetHistoryRequest request;
  request.set_run(arguments.run);
  request.set_first_step(arguments.first_step);
  request.set_last_step(arguments.last_step);
  request.set_limit(arguments.limit);
  SLUICE_ASSIGN_OR_RETURN(const v1::GetHistoryResponse history, client.GetHistory(request));
  return arguments.json ? output.Json(history) : output.Text(HistoryText(history));
}

absl::Status RunSetThreshold(const Arguments& arguments, Client& client, Output& output) {
  v1::SetThresholdRequest request;
  request.set_run(arguments.run);
  request.set_layer(arguments.layer);
  request.set_threshold(arguments.threshold);
  request.set_reason(arguments.reason);
  SLUICE_ASSIGN_OR_RETURN(const v1::Directive directive, client.SetThreshold(request));
  return arguments.json ? output.Json(directive) : output.Text(DirectiveText(directive));
}

absl::Status RunBreaker(const Arguments& arguments, Client& client, Output& output) {
  if (arguments.action == "show") {
    SLUICE_ASSIGN_OR_RETURN(const v1::RunState state, client.GetRun(arguments.run));
    return arguments.json ? output.Json(state.breaker()) : output.Text(BreakerText(state));
  }
  SLUICE_CHECK(arguments.action == "reset");
  v1::ResetBreakerRequest request;
  request.set_run(arguments.run);
  request.set_reason(arguments.reason);
  SLUICE_ASSIGN_OR_RETURN(const v1::Directive directive, client.ResetBreaker(request));
  return arguments.json ? output.Json(directive) : output.Text(DirectiveText(directive));
}

// Page by page, so that a long journal is no large message.
absl::Status RunJournal(const Arguments& arguments, Client& client, Output& output) {
  v1::GetJournalRequest request;
  request.set_run(arguments.run);
  request.set_first_step(arguments.first_step);
  request.set_last_step(arguments.last_step);
  request.set_limit(arguments.limit);
  request.set_with_input(arguments.json);
  request.set_replay(arguments.replay);
  JournalCount count;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const v1::GetJournalResponse journal, client.GetJournal(request));
    SLUICE_RETURN_IF_ERROR(arguments.json ? output.Json(journal)
                                          : output.Text(JournalText(journal, count)));
    count.Add(journal);
    const uint64_t asked = arguments.limit;
    if (journal.next() == 0 || (asked > 0 && count.entries >= asked)) break;
    if (asked > 0) request.set_limit(static_cast<uint32_t>(asked - count.entries));
    request.set_after_serial(journal.next());
  }
  if (!arguments.replay) return absl::OkStatus();
  if (count.different > 0) return absl::InternalError(ReplayText(count));
  return arguments.json ? absl::OkStatus() : output.Text(ReplayText(count) + "\n");
}

absl::Status RunStorage(const Arguments& arguments, Client& client, Output& output) {
  if (arguments.action == "acknowledge") {
    SLUICE_RETURN_IF_ERROR(client.AcknowledgeQuarantine());
  }
  SLUICE_ASSIGN_OR_RETURN(const v1::GetStorageResponse storage, client.GetStorage());
  return arguments.json ? output.Json(storage) : output.Text(StorageText(storage));
}

// An answer, or the error in its place.
template <typename Response>
absl::Status Print(const absl::StatusOr<Response>& response, const Arguments& arguments,
                   Output& output) {
  SLUICE_RETURN_IF_ERROR(response.status());
  return arguments.json ? output.Json(*response) : output.Text(WorkerText(*response));
}

absl::Status RunWorker(const Arguments& arguments, Output& output) {
  SLUICE_ASSIGN_OR_RETURN(const security::ClientAccess access,
                          security::ClientAccess::Make("tls-", arguments.tls, arguments.worker));
  WorkerClient client(arguments.worker, arguments.timeout, access);
  if (arguments.action == "status") return Print(client.GetStatus(), arguments, output);
  if (arguments.action == "pause") return Print(client.Pause(arguments.reason), arguments, output);
  if (arguments.action == "resume") return Print(client.Resume(), arguments, output);
  if (arguments.action == "checkpoint") return Print(client.SaveCheckpoint(), arguments, output);
  if (arguments.action == "ingest") return RunIngest(arguments, output);
  SLUICE_CHECK(arguments.action == "drain");
  return Print(client.Drain(), arguments, output);
}

absl::StatusOr<security::ClientAccess> AccessTo(const Arguments& arguments) {
  return security::ClientAccess::Make("tls-", arguments.tls, arguments.sidecar);
}

absl::Status RunWatch(const Arguments& arguments, Output& output) {
  const sigset_t signals = BlockEndSignals();
  SLUICE_ASSIGN_OR_RETURN(const security::ClientAccess access, AccessTo(arguments));
  Client client(arguments.sidecar, arguments.timeout, access);
  return WatchRun(arguments, signals, &client, &output);
}

}  // namespace

absl::Status RunCommand(const Arguments& arguments, Output* output) {
  if (arguments.command == "watch") return RunWatch(arguments, *output);
  if (arguments.command == "worker") return RunWorker(arguments, *output);
  SLUICE_ASSIGN_OR_RETURN(const security::ClientAccess access, AccessTo(arguments));
  Client client(arguments.sidecar, arguments.timeout, access);
  if (arguments.command == "runs") return RunRuns(arguments, client, *output);
  if (arguments.command == "get") return RunGet(arguments, client, *output);
  if (arguments.command == "history") return RunHistory(arguments, client, *output);
  if (arguments.command == "journal") return RunJournal(arguments, client, *output);
  if (arguments.command == "storage") return RunStorage(arguments, client, *output);
  if (arguments.command == "breaker") return RunBreaker(arguments, client, *output);
  SLUICE_CHECK(arguments.command == "set-threshold");
  return RunSetThreshold(arguments, client, *output);
}

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
      return 2;
    case absl::StatusCode::kNotFound:
      return 3;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return 4;
    default:
      return 1;
  }
}

}  // namespace sluice::ctl
