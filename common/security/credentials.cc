#include "common/security/credentials.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "absl/strings/str_cat.h"
#include "common/host_port.h"
#include "common/security/loopback.h"
#include "common/status.h"

namespace sluice::security {
namespace {

namespace tls_api = grpc::experimental;

constexpr unsigned kSecondsBetweenLooks = 1;

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const ServerTls& tls, bool tokens) {
  if (!tls.on()) return grpc::InsecureServerCredentials();
  const auto provider = std::make_shared<tls_api::FileWatcherCertificateProvider>(
      tls.key, tls.cert, tls.client_ca, kSecondsBetweenLooks);
  tls_api::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  if (!tls.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(tokens
                                      ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                                      : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return tls_api::TlsServerCredentials(options);
}

ClientAccess::ClientAccess() : credentials_(grpc::InsecureChannelCredentials()) {}

absl::StatusOr<ClientAccess> ClientAccess::Make(const std::string& prefix, const ClientTls& tls,
                                                const std::string& address) {
  SLUICE_RETURN_IF_ERROR(CheckClientTls(prefix, tls));
  ClientAccess access;
  access.name_ = tls.name;
  access.token_file_ = tls.token_file;
  if (!tls.on()) {
    const auto place = ParseHostPort(address);
    if (!tls.token_file.empty() && !(place.ok() && IsLoopback(place->host))) {
      return absl::InvalidArgumentError(absl::StrCat(
          prefix, "ca is missing, expected it: the token would go to ", address, " without TLS"));
    }
    return access;
  }
  tls_api::TlsChannelCredentialsOptions options;
  if (tls.cert.empty()) {
    options.set_certificate_provider(
        std::make_shared<tls_api::FileWatcherCertificateProvider>(tls.ca, kSecondsBetweenLooks));
  } else {
    options.set_certificate_provider(std::make_shared<tls_api::FileWatcherCertificateProvider>(
        tls.key, tls.cert, tls.ca, kSecondsBetweenLooks));
    options.watch_identity_key_cert_pairs();
  }
  options.watch_root_certs();
  access.credentials_ = tls_api::TlsCredentials(options);
  return access;
}

std::shared_ptr<grpc::Channel> ClientAccess::OpenChannel(const std::string& address,
                                                         grpc::ChannelArguments arguments) const {
  if (!name_.empty()) arguments.SetSslTargetNameOverride(name_);
  return grpc::CreateCustomChannel(address, credentials_, arguments);
}

std::shared_ptr<grpc::Channel> ClientAccess::OpenStreamChannel(const std::string& address,
                                                               Pings pings, int most_bytes) const {
  using std::chrono::milliseconds;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(milliseconds(pings.apart).count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   static_cast<int>(milliseconds(pings.patience).count()));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(most_bytes);
  const std::shared_ptr<grpc::Channel> channel = OpenChannel(address, arguments);
  [[maybe_unused]] static const auto* const kept = new std::shared_ptr<grpc::Channel>(channel);
  return channel;
}

void ClientAccess::Authorize(grpc::ClientContext* context) const {
  if (token_file_.empty()) return;
  // One that cannot be read now is the call's error, which the server says.
  const absl::StatusOr<std::string> token = ReadToken(token_file_);
  if (token.ok()) context->AddMetadata("authorization", absl::StrCat("Bearer ", *token));
}

CallFacts FactsOf(const grpc::ServerContextBase& context) {
  CallFacts facts;
  facts.peer = context.peer();
  const auto header = context.client_metadata().find("authorization");
  if (header != context.client_metadata().end()) {
    facts.authorization = std::string(header->second.data(), header->second.size());
  }
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr) return facts;
  for (const auto& type : auth->FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME)) {
    facts.encrypted |=
        type == GRPC_TLS_TRANSPORT_SECURITY_TYPE || type == GRPC_SSL_TRANSPORT_SECURITY_TYPE;
  }
  facts.certificate = facts.encrypted && auth->IsPeerAuthenticated();
  if (!facts.certificate) return facts;
  for (const auto& uri : auth->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    facts.names.emplace_back(uri.data(), uri.size());
  }
  return facts;
}

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace sluice::security
