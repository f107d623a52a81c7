#include "sidecar/relay/relay_daemon.h"

#include <prometheus/text_serializer.h>

#include <chrono>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/host_port.h"
#include "common/security/tls_config.h"
#include "common/status.h"
#include "sidecar/relay/relay_metrics.h"

namespace sluice::sidecar {
namespace {

constexpr std::chrono::milliseconds kCallsPatience{200};

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

absl::StatusOr<RelayOptions> OptionsOf(const DaemonOptions& options) {
  const RelaySettings& settings = options.relay;
  RelayOptions relay;
  relay.upstream = settings.upstream;
  SLUICE_ASSIGN_OR_RETURN(
      relay.access, security::ClientAccess::Make("upstream.tls.", settings.tls, settings.upstream));
  relay.hold = Milliseconds(settings.hold_seconds);
  relay.stall = Milliseconds(settings.stall_seconds);
  relay.turn = std::chrono::ceil<std::chrono::nanoseconds>(
      std::chrono::duration<double>(1.0 / options.access.messages_per_second));
  relay.message_bytes = static_cast<size_t>(options.access.message_bytes);
  return relay;
}

}  // namespace

RelayDaemon::RelayDaemon(const DaemonOptions& options, const RelayOptions& relay,
                         std::unique_ptr<security::Guard> guard)
    : options_(options),
      guard_(std::move(guard)),
      relay_(relay),
      telemetry_(static_cast<StreamTaker*>(&relay_), guard_.get(), options.access.Streams()) {}

absl::StatusOr<std::unique_ptr<RelayDaemon>> RelayDaemon::Start(const DaemonOptions& options) {
  SLUICE_RETURN_IF_ERROR(security::CheckServerTls("tls.", options.access.tls));
  SLUICE_RETURN_IF_ERROR(CheckNotItself(options.relay, options.listen));
  SLUICE_ASSIGN_OR_RETURN(const RelayOptions relay, OptionsOf(options));
  security::GuardOptions protection = options.access.Guard("");
  protection.audit_path.clear();  // It changes nothing.
  SLUICE_ASSIGN_OR_RETURN(auto guard, security::Guard::Make(protection));
  std::unique_ptr<RelayDaemon> daemon(new RelayDaemon(options, relay, std::move(guard)));
  SLUICE_RETURN_IF_ERROR(daemon->StartServers());
  return daemon;
}

absl::Status RelayDaemon::StartServers() {
  SLUICE_ASSIGN_OR_RETURN(const HostPort http, ParseHostPort(options_.http));
  SLUICE_ASSIGN_OR_RETURN(const HostPort listen, ParseHostPort(options_.listen));
  const AccessOptions& access = options_.access;
  SLUICE_ASSIGN_OR_RETURN(
      http_, HttpServer::Start(http, Pages(), {access.http_tls, access.http_token_file}));
  SLUICE_ASSIGN_OR_RETURN(
      grpc_, GrpcServer::Start(listen, SettingsOf(access, options_.reflection), &telemetry_));
  // Once more, with the port that was chosen.
  SLUICE_RETURN_IF_ERROR(CheckNotItself(options_.relay, grpc_->address().ToString()));
  grpc_->SetServing(true);
  return absl::OkStatus();
}

bool RelayDaemon::IsAlive() const {
  return relay_.SinceHeartbeat() < std::chrono::seconds(options_.stuck_seconds);
}

std::string RelayDaemon::WhyNotReady() const {
  if (stopping_) return "the relay is shutting down";
  if (!IsAlive()) return "the event loop is stuck";
  if (relay_.Stats().connected) return "";
  return absl::StrCat("there is no stream to the upstream sidecar at ", options_.relay.upstream);
}

std::string RelayDaemon::Metrics() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out,
                                         RelayMetrics(relay_.Stats(), guard_->tally().Counts()));
  return out.str();
}

HttpPages RelayDaemon::Pages() {
  return {[this] { return Metrics(); }, [] { return std::make_shared<const View>(); },
          [this] { return IsAlive(); }, [this] { return WhyNotReady(); }};
}

RelayDaemon::~RelayDaemon() { Stop(); }

void RelayDaemon::Stop() {
  if (stopping_.exchange(true)) return;
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(options_.stop_seconds);
  if (grpc_ != nullptr) grpc_->SetServing(false);
  telemetry_.StopReading();
  relay_.Stop();
  telemetry_.FinishStreams(deadline);
  if (grpc_ != nullptr) grpc_->Shutdown(std::chrono::steady_clock::now() + kCallsPatience);
  if (http_ != nullptr) http_->Stop();
}

}  // namespace sluice::sidecar
