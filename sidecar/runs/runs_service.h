#pragma once

#include "common/security/guard.h"
#include "sidecar/engine/command_queue.h"
#include "sidecar/engine/view_hub.h"
#include "sidecar/runs/watchers.h"
#include "sidecar/store/journal_reader.h"
#include "sluice/v1/runs.grpc.pb.h"

namespace sluice::sidecar {

// The service Runs. Queries read the newest view and touch neither writer nor store, the journal's
// are answered by a reader of its own; commands go through the queue and are answered once they are
// durable and in the audit log. Who may call what is the guard's to say. Thread-safe.
class RunsService final : public v1::Runs::CallbackService {
 public:
  // What is given outlives the service.
  RunsService(CommandQueue* queue, ViewHub* hub, JournalReader* journal, security::Guard* guard,
              size_t most_watches = kMostWatches)
      : queue_(queue),
        hub_(hub),
        journal_(journal),
        guard_(guard),
        watchers_(most_watches, &guard->tally()) {}

  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* context,
                                     const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* response) override;
  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* context,
                                   const v1::GetRunRequest* request,
                                   v1::GetRunResponse* response) override;
  grpc::ServerUnaryReactor* GetHistory(grpc::CallbackServerContext* context,
                                       const v1::GetHistoryRequest* request,
                                       v1::GetHistoryResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchRunResponse>* WatchRun(
      grpc::CallbackServerContext* context, const v1::WatchRunRequest* request) override;
  grpc::ServerUnaryReactor* SetThreshold(grpc::CallbackServerContext* context,
                                         const v1::SetThresholdRequest* request,
                                         v1::SetThresholdResponse* response) override;
  grpc::ServerUnaryReactor* ResetBreaker(grpc::CallbackServerContext* context,
                                         const v1::ResetBreakerRequest* request,
                                         v1::ResetBreakerResponse* response) override;
  grpc::ServerUnaryReactor* GetJournal(grpc::CallbackServerContext* context,
                                       const v1::GetJournalRequest* request,
                                       v1::GetJournalResponse* response) override;
  grpc::ServerUnaryReactor* GetStorage(grpc::CallbackServerContext* context,
                                       const v1::GetStorageRequest* request,
                                       v1::GetStorageResponse* response) override;
  grpc::ServerUnaryReactor* AcknowledgeQuarantine(
      grpc::CallbackServerContext* context, const v1::AcknowledgeQuarantineRequest* request,
      v1::AcknowledgeQuarantineResponse* response) override;

  // Ends all watches with UNAVAILABLE.
  void FinishWatches() { watchers_.FinishAll(); }

  static constexpr size_t kMostWatches = 256;

 private:
  // OK if the caller may ask this of `run`.
  grpc::Status Admit(const grpc::CallbackServerContext& context, const security::Rule& rule,
                     const std::string& run);
  // Sends a command of `rule` through the queue, if the caller may, and answers when it is done.
  // `valid`: whether the request is one; `fill`: writes the response, and says it in words; `make`:
  // gives the command what it is to call.
  template <typename Fill, typename Make>
  grpc::ServerUnaryReactor* Command(grpc::CallbackServerContext* context,
                                    const security::Rule& rule, const std::string& run,
                                    const security::Guard::Arguments& arguments,
                                    const absl::Status& valid, Fill fill, Make make);

  CommandQueue* queue_;
  ViewHub* hub_;
  JournalReader* journal_;
  security::Guard* guard_;
  Watchers watchers_;
};

}  // namespace sluice::sidecar
