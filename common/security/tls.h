#pragma once

#include <string>

namespace sluice::security {

// How a server shows who it is, and asks its clients; paths of PEM files, read again when they
// change.
struct ServerTls {
  std::string cert{};       // Certificate chain, the server's own first. Empty: no TLS.
  std::string key{};        // Private key.
  std::string client_ca{};  // Authorities of clients' certificates. Empty: none is asked for.

  bool on() const { return !cert.empty(); }
};

// How a client knows its server, and shows who it is.
struct ClientTls {
  std::string ca{};    // Authorities of the server's certificate. Empty: no TLS.
  std::string cert{};  // Chain and key that the client shows; empty: none.
  std::string key{};
  std::string name{};        // That the server's certificate must have; empty: the host called.
  std::string token_file{};  // A file with a token, sent with each call; empty: none.

  bool on() const { return !ca.empty(); }
  bool given() const { return on() || !cert.empty() || !key.empty() || !token_file.empty(); }
};

}  // namespace sluice::security
