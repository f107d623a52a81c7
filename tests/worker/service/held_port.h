#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "common/file_descriptor.h"

namespace sluice::service {

// Listens on a port of 127.0.0.1, as another program would.
class HeldPort {
 public:
  // 0: a free one.
  explicit HeldPort(uint16_t port = 0) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), any, size) != 0 || ::listen(socket_.get(), 1) != 0) return;
    if (::getsockname(socket_.get(), any, &size) == 0) port_ = ntohs(address.sin_port);
  }

  // 0 if it cannot be had.
  uint16_t port() const { return port_; }

 private:
  FileDescriptor socket_;
  uint16_t port_ = 0;
};

// A port that is free now; another program may take it next.
inline uint16_t FreePort() { return HeldPort().port(); }

}  // namespace sluice::service
