#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/security/guard.h"
#include "common/security/tls_config.h"

// What TLS and tokens are to gRPC. Files are looked at every second, and new connections take what
// is in them; those that are up stay as they are.
namespace sluice::security {

// Credentials of a server; without TLS the insecure ones. With `tokens`, a client may come without
// a certificate. The files were checked before (CheckServerTls).
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const ServerTls& tls, bool tokens);

// How a dead peer of an idle stream is found. A sidecar ends connections whose pings are less than
// five seconds apart ("too_many_pings").
struct Pings {
  std::chrono::seconds apart;
  std::chrono::seconds patience;  // For the answer.
};

// A client's way to a server: made once, used for any number of channels and calls. Thread-safe.
class ClientAccess {
 public:
  // Without TLS and token.
  ClientAccess();
  // INVALID_ARGUMENT if a token would be sent to another machine without TLS, or a file is not
  // what it should be; `prefix` is that of the options.
  static absl::StatusOr<ClientAccess> Make(const std::string& prefix, const ClientTls& tls,
                                           const std::string& address);

  std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address,
                                             grpc::ChannelArguments arguments) const;
  // A connection of its own for one long stream with callbacks, so that a dead one is not met
  // again; `most_bytes`: of a message that comes. The first of a process is kept for good: gRPC
  // 1.51 stops its callback threads with the last channel that used them, and that may happen on
  // such a thread itself, which aborts ("ref_counted.h: assertion failed: prior > 0").
  std::shared_ptr<grpc::Channel> OpenStreamChannel(const std::string& address, Pings pings,
                                                   int most_bytes) const;
  // Adds the token, as the file has it now.
  void Authorize(grpc::ClientContext* context) const;

 private:
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::string name_;
  std::string token_file_;
};

// What gRPC knows of a call.
CallFacts FactsOf(const grpc::ServerContextBase& context);

// absl's and gRPC's codes are the same numbers.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace sluice::security
