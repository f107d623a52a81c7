#include "sidecar/daemon/grpc_server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/security/credentials.h"

namespace sluice::sidecar {
namespace {

// A connection without a call is let go after this time.
constexpr int kIdleConnectionMs = 600'000;
// Of a connection, beside its streams and watches.
constexpr int64_t kFurtherCalls = 100;

// Takes out server reflection, which gRPC's library adds to every server of a program that is
// linked with it.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [](const std::unique_ptr<grpc::ServerBuilderPlugin>& plugin) {
      using grpc::reflection::ProtoServerReflectionPlugin;
      return dynamic_cast<ProtoServerReflectionPlugin*>(plugin.get()) != nullptr;
    });
  }
};

// gRPC's own lines go to our log, where they are details.
void LogGrpc(gpr_log_func_args* args) { spdlog::debug("grpc: {}", args->message); }

void SetArguments(const GrpcSettings& settings, grpc::ServerBuilder& builder) {
  // A port that another process listens on is an error, not a share.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A client's keepalive must be slower than this.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(settings.handshake.count()));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, settings.calls_per_connection);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleConnectionMs);
  builder.SetMaxReceiveMessageSize(settings.message_bytes);
}

}  // namespace

GrpcSettings SettingsOf(const AccessOptions& access, bool reflection) {
  GrpcSettings settings;
  settings.reflection = reflection;
  settings.tls = access.tls;
  settings.tokens = !access.tokens.empty();
  settings.message_bytes = static_cast<int>(access.message_bytes);
  settings.handshake = std::chrono::ceil<std::chrono::milliseconds>(
      std::chrono::duration<double>(access.handshake_seconds));
  // Beyond this a client waits; what is over a limit of ours is told so before.
  settings.calls_per_connection =
      static_cast<int>(access.streams_per_peer + access.watches + kFurtherCalls);
  return settings;
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const HostPort& address,
                                                              const GrpcSettings& settings,
                                                              grpc::Service* telemetry,
                                                              grpc::Service* runs) {
  gpr_set_log_function(LogGrpc);
  grpc::EnableDefaultHealthCheckService(true);
  // Adds nothing where the library has done so itself.
  if (settings.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  if (!settings.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
  SetArguments(settings, builder);
  int port = 0;
  builder.AddListeningPort(address.ToString(),
                           security::MakeServerCredentials(settings.tls, settings.tokens), &port);
  builder.RegisterService(telemetry);
  if (runs != nullptr) builder.RegisterService(runs);
  auto result = std::make_unique<GrpcServer>();
  if (runs != nullptr) result->services_.emplace_back("sluice.v1.Runs");
  result->server_ = builder.BuildAndStart();
  if (result->server_ == nullptr || port == 0) {
    return absl::UnavailableError(absl::StrCat("listen: cannot listen on ", address.ToString(),
                                               ": in use, or not an address of this machine"));
  }
  result->address_ = HostPort{address.host, static_cast<uint16_t>(port)};
  return result;
}

void GrpcServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  for (const std::string& service : services_) health->SetServingStatus(service, serving);
}

void GrpcServer::Shutdown(std::chrono::steady_clock::time_point deadline) {
  server_->Shutdown(std::chrono::system_clock::now() +
                    (deadline - std::chrono::steady_clock::now()));
}

}  // namespace sluice::sidecar
