#include "worker/service/worker_server.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/security/credentials.h"
#include "common/security/loopback.h"
#include "common/status.h"
#include "sluice/v1/worker.grpc.pb.h"
#include "worker/service/ingest_stream.h"

namespace sluice::service {
namespace {

// Requests carry a reason of 256 characters at most; only where images are taken they are larger.
constexpr int kMaxRequestBytes = 16 << 10;
constexpr size_t kMaxReasonBytes = 256;
constexpr std::chrono::seconds kShutdownGrace{2};

v1::Phase ToWire(Phase phase) {
  switch (phase) {
    case Phase::kStarting:
      return v1::PHASE_STARTING;
    case Phase::kTraining:
      return v1::PHASE_TRAINING;
    case Phase::kEvaluating:
      return v1::PHASE_EVALUATING;
    case Phase::kPaused:
      return v1::PHASE_PAUSED;
    case Phase::kDraining:
      return v1::PHASE_DRAINING;
  }
  return v1::PHASE_UNSPECIFIED;
}

// gRPC's own lines go to our log, where they are details: a port that is taken is said once, by us.
void LogGrpc(gpr_log_func_args* args) { spdlog::debug("grpc: {}", args->message); }

using Clock = std::chrono::steady_clock;
using security::FactsOf;
using security::ToGrpc;

// A call that the board answers, on any thread. Ends once: with that answer, or without it when the
// client leaves or the server ends; what the board says after that goes nowhere.
class Call final : public grpc::ServerUnaryReactor {
 public:
  // Lives until gRPC and the board are both done with it.
  static std::shared_ptr<Call> Make() {
    std::shared_ptr<Call> call(new Call);
    call->self_ = call;
    return call;
  }
  // `fill` writes the response of a success; `end` audits what came of the call, also if the client
  // has left.
  template <typename Fill>
  Answered Then(Fill fill, const security::Guard::End& end) {
    return [call = self_, fill, end](const absl::StatusOr<Answer>& answer) {
      const std::string detail = answer.ok() ? absl::StrCat("step ", answer->step) : "";
      end(answer.status(), detail, [call, fill, answer](const absl::Status& told) {
        if (call->ended_.exchange(true)) return;
        if (told.ok()) fill(*answer);
        call->Finish(ToGrpc(told));
      });
    };
  }
  void End(const grpc::Status& status) {
    if (!ended_.exchange(true)) Finish(status);
  }

 private:
  Call() = default;
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override { const std::shared_ptr<Call> last = std::move(self_); }

  std::atomic<bool> ended_ = false;
  std::shared_ptr<Call> self_;
};

class RefusedStream final : public IngestReactor {
 public:
  explicit RefusedStream(const grpc::Status& why) { Finish(why); }
  void OnDone() override { delete this; }
};

class Service final : public v1::Worker::CallbackService {
 public:
  Service(CommandBoard* board, const IngestPlace& ingest, security::Guard* guard)
      : board_(board), streams_(ingest.intake, ingest.why), guard_(guard) {}

  IngestStreams& streams() { return streams_; }

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest*,
                                      v1::GetStatusResponse* response) override {
    const RankStatus status = board_->Status();
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const absl::Status allowed =
        guard_->Admit(FactsOf(*context), security::kGetStatus, status.run, Clock::now()).status();
    if (allowed.ok()) {
      response->set_run(status.run);
      response->set_rank(status.rank);
      response->set_world_size(status.world_size);
      response->set_phase(ToWire(status.phase));
      response->set_step(status.step);
      response->set_total_steps(status.total_steps);
      response->set_directive_version(status.directive_version);
      response->set_checkpoint(status.checkpoint);
      streams_.Describe(*response);
    }
    reactor->Finish(ToGrpc(allowed));
    return reactor;
  }

  grpc::ServerUnaryReactor* Pause(grpc::CallbackServerContext* context,
                                  const v1::PauseRequest* request,
                                  v1::PauseResponse* response) override {
    absl::Status valid;
    if (request->reason().size() > kMaxReasonBytes) {
      valid = absl::InvalidArgumentError(absl::StrCat(
          "reason has ", request->reason().size(), " bytes, expected at most ", kMaxReasonBytes));
    }
    return Ask(
        context, security::kPause, &CommandBoard::Pause,
        [response](const Answer& a) { response->set_step(a.step); },
        {{"reason", request->reason()}}, valid);
  }

  grpc::ServerUnaryReactor* Resume(grpc::CallbackServerContext* context, const v1::ResumeRequest*,
                                   v1::ResumeResponse* response) override {
    return Ask(context, security::kResume, &CommandBoard::Resume,
               [response](const Answer& a) { response->set_step(a.step); });
  }

  grpc::ServerUnaryReactor* SaveCheckpoint(grpc::CallbackServerContext* context,
                                           const v1::SaveCheckpointRequest*,
                                           v1::SaveCheckpointResponse* response) override {
    return Ask(context, security::kSaveCheckpoint, &CommandBoard::SaveCheckpoint,
               [response](const Answer& a) {
                 response->set_step(a.step);
                 response->set_name(a.checkpoint);
               });
  }

  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* context, const v1::DrainRequest*,
                                  v1::DrainResponse* response) override {
    return Ask(context, security::kDrain, &CommandBoard::Drain,
               [response](const Answer& a) { response->set_last_step(a.step); });
  }

  IngestReactor* IngestImages(grpc::CallbackServerContext* context) override {
    const auto end = guard_->Begin(FactsOf(*context), security::kIngestImages, board_->Status().run,
                                   {}, Clock::now());
    if (!end.ok()) return new RefusedStream(ToGrpc(end.status()));
    // What the stream brings is answered image by image; that it came is audited.
    (*end)(absl::OkStatus(), "a stream of images began", [](const absl::Status&) {});
    spdlog::info("images come from {}", context->peer());
    return streams_.Open();
  }

 private:
  // Puts a request on the board if its caller may make it; `fill` writes the response of a success.
  template <typename Fill>
  grpc::ServerUnaryReactor* Ask(grpc::CallbackServerContext* context, const security::Rule& rule,
                                void (CommandBoard::*request)(Answered), Fill fill,
                                const security::Guard::Arguments& arguments = {},
                                const absl::Status& valid = absl::OkStatus()) {
    const std::shared_ptr<Call> call = Call::Make();
    const auto end =
        guard_->Begin(FactsOf(*context), rule, board_->Status().run, arguments, Clock::now());
    if (!end.ok()) {
      call->End(ToGrpc(end.status()));
      return call.get();
    }
    const Answered answered = call->Then(fill, *end);
    if (!valid.ok()) {
      answered(valid);
      return call.get();
    }
    std::string detail;
    for (const auto& [name, value] : arguments) {
      absl::StrAppend(&detail, ": '", absl::CEscape(value), "'");
    }
    spdlog::info("{} asked for by {}{}", std::string(rule.method), context->peer(), detail);
    (board_->*request)(answered);
    return call.get();
  }

  CommandBoard* const board_;
  IngestStreams streams_;
  security::Guard* const guard_;
};

absl::StatusOr<HostPort> Place(const std::string& listen, int local_rank, bool protected_by_tls) {
  HostPort place{"127.0.0.1", kFirstPort};
  if (listen != "auto") {
    SLUICE_ASSIGN_OR_RETURN(place, ParseHostPort(listen));
  }
  // gRPC is given numbers only: a name may lead anywhere.
  if (place.host == "localhost") place.host = "127.0.0.1";
  if (!security::IsLoopback(place.host) && !protected_by_tls) {
    return absl::InvalidArgumentError(
        absl::StrCat("worker.listen is '", listen, "', expected an address of this machine's ",
                     "loopback range, or worker.tls.cert and .key beside it: whoever reaches the ",
                     "service may stop the run"));
  }
  if (place.port == 0) return place;
  if (place.port + local_rank > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("worker.listen is '", listen,
                                                   "', expected room for local rank ", local_rank,
                                                   " below port 65536"));
  }
  place.port = static_cast<uint16_t>(place.port + local_rank);
  return place;
}

}  // namespace

struct WorkerServer::Server {
  Server(CommandBoard* board, const IngestPlace& ingest, std::unique_ptr<security::Guard> its_guard,
         const security::ServerTls& its_tls)
      : guard(std::move(its_guard)),
        credentials(security::MakeServerCredentials(its_tls, guard->has_tokens())),
        max_bytes(ingest.intake == nullptr ? kMaxRequestBytes : kMaxIngestBytes) {
    auto worker = std::make_unique<Service>(board, ingest, guard.get());
    streams = &worker->streams();
    service = std::move(worker);
  }

  // The port, or 0 if it cannot be had.
  int Listen(const HostPort& place) {
    grpc::ServerBuilder builder;
    // A port that another process listens on is an error, not a share.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
    builder.SetMaxReceiveMessageSize(max_bytes);
    int port = 0;
    builder.AddListeningPort(place.ToString(), credentials, &port);
    builder.RegisterService(service.get());
    server = builder.BuildAndStart();
    return server == nullptr ? 0 : port;
  }

  // Outlives the calls.
  const std::unique_ptr<security::Guard> guard;
  std::unique_ptr<grpc::Service> service;
  const std::shared_ptr<grpc::ServerCredentials> credentials;
  IngestStreams* streams = nullptr;  // Of the service.
  int max_bytes;
  std::unique_ptr<grpc::Server> server;
};

WorkerServer::WorkerServer() = default;

WorkerServer::~WorkerServer() {
  if (server_ && server_->server) {
    server_->streams->Close();
    server_->server->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  }
}

absl::StatusOr<std::unique_ptr<WorkerServer>> WorkerServer::Start(
    const std::string& listen, int local_rank, CommandBoard* board, const IngestPlace& ingest,
    const security::ServerAccess& access) {
  SLUICE_ASSIGN_OR_RETURN(HostPort place, Place(listen, local_rank, access.tls.on()));
  SLUICE_RETURN_IF_ERROR(security::CheckServerTls("worker.tls.", access.tls));
  auto guard = security::Guard::Make(access.guard);
  SLUICE_RETURN_IF_ERROR(Annotate(guard.status(), "worker"));
  gpr_set_log_function(LogGrpc);
  grpc::EnableDefaultHealthCheckService(true);
  std::unique_ptr<WorkerServer> result(new WorkerServer);
  result->server_ = std::make_unique<Server>(board, ingest, *std::move(guard), access.tls);
  int port = result->server_->Listen(place);
  if (port == 0 && listen == "auto") {
    place.port = 0;
    port = result->server_->Listen(place);
  }
  if (port == 0) {
    return absl::UnavailableError(absl::StrCat("worker.listen: cannot listen on ", place.ToString(),
                                               ": in use, or not an address of this machine"));
  }
  result->address_ = {place.host, static_cast<uint16_t>(port)};
  return result;
}

}  // namespace sluice::service
