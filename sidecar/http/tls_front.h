#pragma once

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/file_descriptor.h"
#include "common/host_port.h"
#include "common/security/tls.h"

using SSL_CTX = struct ssl_ctx_st;

namespace sluice::sidecar {

// Takes TLS connections and passes what is in them on to a server on a loopback address, and back:
// one thread, and at most 32 KiB in each direction of a connection. Beyond kMostConnections the
// oldest gives way. Certificates are read again
// when they change; those that cannot be used are said in the log and the last good ones stay.
class TlsFront {
 public:
  static constexpr size_t kMostConnections = 256;

  // Listens when it returns. An error names the address or the file; `prefix` is that of the
  // options.
  static absl::StatusOr<std::unique_ptr<TlsFront>> Start(const HostPort& address,
                                                         const std::string& prefix,
                                                         const security::ServerTls& tls,
                                                         const HostPort& backend);
  // Ends all connections.
  ~TlsFront();

  // The address with the port that was chosen.
  const HostPort& address() const { return address_; }

 private:
  struct Connection;
  using Time = std::chrono::steady_clock::time_point;
  using Context = std::shared_ptr<SSL_CTX>;
  // What tells files that were replaced or changed from those that were read.
  using Stamp = std::vector<std::pair<ino_t, time_t>>;

  TlsFront(std::string prefix, const security::ServerTls& tls, const HostPort& backend);
  absl::Status Listen(const HostPort& address);
  static absl::StatusOr<Context> Load(const std::string& prefix, const security::ServerTls& tls);
  Stamp StampOf() const;
  void Refresh(Time now);
  void Serve();
  // Waits for something to do; what the sockets say goes to the connections.
  void Wait(std::vector<Connection>& connections) const;
  void Accept(std::vector<Connection>& connections, Time now);

  const std::string prefix_;
  const security::ServerTls tls_;
  const HostPort backend_;
  HostPort address_;
  FileDescriptor listener_;
  const FileDescriptor wake_;
  std::atomic<bool> stopping_{false};
  // Of the thread.
  Context context_;
  Stamp stamp_;
  Time next_look_{};
  std::thread thread_;
};

}  // namespace sluice::sidecar
