#include "sidecar/daemon/daemon.h"

#include <chrono>
#include <utility>

#include "common/host_port.h"
#include "common/log.h"
#include "common/security/tls_config.h"
#include "common/status.h"

namespace sluice::sidecar {
namespace {

constexpr size_t kQueueCapacity = 8192;
// gRPC lets a connection go once its client has agreed, and a client that makes no call may look
// every five seconds only. By then nothing is left to be said on it.
constexpr std::chrono::milliseconds kConnectionsPatience{200};

}  // namespace

Daemon::Daemon(const DaemonOptions& options, Engine engine, Store store,
               std::unique_ptr<security::Guard> guard)
    : options_(options),
      guard_(std::move(guard)),
      journal_(options.state),
      queue_(kQueueCapacity),
      metrics_(&hub_, options.state, &guard_->tally()),
      writer_(std::move(engine), std::move(store), &queue_, &hub_),
      telemetry_(&queue_, guard_.get(), options.access.Streams()),
      runs_(&queue_, &hub_, &journal_, guard_.get(), static_cast<size_t>(options.access.watches)) {}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const DaemonOptions& options) {
  SLUICE_RETURN_IF_ERROR(security::CheckServerTls("tls.", options.access.tls));
  SLUICE_ASSIGN_OR_RETURN(Store store, Store::Open(options.state, options.store));
  SLUICE_ASSIGN_OR_RETURN(StoredState stored, store.Load());
  SLUICE_ASSIGN_OR_RETURN(auto guard, security::Guard::Make(options.access.Guard(options.state)));
  std::unique_ptr<Daemon> daemon(new Daemon(options, Engine(options.policy, std::move(stored)),
                                            std::move(store), std::move(guard)));
  daemon->writer_.Start();
  SLUICE_RETURN_IF_ERROR(daemon->StartServers(options));
  return daemon;
}

absl::Status Daemon::StartServers(const DaemonOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(const HostPort http, ParseHostPort(options.http));
  SLUICE_ASSIGN_OR_RETURN(const HostPort listen, ParseHostPort(options.listen));
  SLUICE_ASSIGN_OR_RETURN(
      http_,
      HttpServer::Start(http, Pages(), {options.access.http_tls, options.access.http_token_file}));
  SLUICE_ASSIGN_OR_RETURN(
      grpc_, GrpcServer::Start(listen, SettingsOf(options.access, options.reflection), &telemetry_,
                               &runs_));
  grpc_->SetServing(true);
  return absl::OkStatus();
}

bool Daemon::IsAlive() const {
  return writer_.SinceHeartbeat() < std::chrono::seconds(options_.stuck_seconds);
}

std::string Daemon::WhyNotReady() const {
  if (stopping_) return "the sidecar is shutting down";
  if (!IsAlive()) return "the event loop is stuck";
  if (writer_.writable()) return "";
  return "the state cannot be written: " + hub_.Get()->storage.error;
}

HttpPages Daemon::Pages() {
  return {[this] { return metrics_.Text(); }, [this] { return hub_.Get(); },
          [this] { return IsAlive(); }, [this] { return WhyNotReady(); }};
}

Daemon::~Daemon() { Stop(); }

void Daemon::Stop() {
  if (stopping_.exchange(true)) return;
  const std::chrono::milliseconds patience = std::chrono::seconds(options_.stop_seconds);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  if (grpc_ != nullptr) grpc_->SetServing(false);
  telemetry_.StopReading();
  if (!writer_.Stop(deadline - patience / 2)) {
    spdlog::error("stopped with messages that could not be made durable; they stay with the ranks");
  }
  telemetry_.FinishStreams(deadline);
  runs_.FinishWatches();
  if (grpc_ != nullptr) grpc_->Shutdown(std::chrono::steady_clock::now() + kConnectionsPatience);
  if (http_ != nullptr) http_->Stop();
}

}  // namespace sluice::sidecar
