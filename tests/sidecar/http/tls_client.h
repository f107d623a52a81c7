#pragma once

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "common/file_descriptor.h"
#include "common/host_port.h"
#include "tests/common/security/certificates.h"

namespace sluice::sidecar::testing {

// A TLS connection to 127.0.0.1. Every read has a deadline of ten seconds.
class TlsClient {
 public:
  // `pair`: what the client shows; empty paths: nothing.
  TlsClient(const std::string& address, const std::string& ca, const certificates::Pair& pair = {})
      : context_(::SSL_CTX_new(::TLS_client_method()), ::SSL_CTX_free),
        socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    ::SSL_CTX_load_verify_locations(context_.get(), ca.c_str(), nullptr);
    ::SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (!pair.cert.empty()) {
      ::SSL_CTX_use_certificate_chain_file(context_.get(), pair.cert.c_str());
      ::SSL_CTX_use_PrivateKey_file(context_.get(), pair.key.c_str(), SSL_FILETYPE_PEM);
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(ParseHostPort(address)->port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{10, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) return;
    ssl_.reset(::SSL_new(context_.get()));
    ::SSL_set_fd(ssl_.get(), socket_.get());
    up_ = ::SSL_connect(ssl_.get()) == 1;
  }

  // The handshake came about; with TLS 1.3 a certificate is refused after it.
  bool up() const { return up_; }
  bool Write(const std::string& bytes) {
    return up_ && ::SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  // Until `end` came or the connection ended.
  std::string ReadUntil(const std::string& end) {
    std::string text;
    char buffer[4096];
    while (up_ && (end.empty() || text.find(end) == std::string::npos)) {
      const int n = ::SSL_read(ssl_.get(), buffer, sizeof(buffer));
      if (n <= 0) break;
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }
  // The whole answer; "" if there is none.
  std::string Get(const std::string& path, const std::string& headers = "") {
    const std::string request =
        "GET " + path + " HTTP/1.1\r\nHost: t\r\nConnection: close\r\n" + headers + "\r\n";
    return Write(request) ? ReadUntil("") : "";
  }

 private:
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  FileDescriptor socket_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, ::SSL_free};
  bool up_ = false;
};

}  // namespace sluice::sidecar::testing
