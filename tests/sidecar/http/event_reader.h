#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>

#include <string>

#include "common/file_descriptor.h"
#include "common/host_port.h"

namespace sluice::sidecar::testing {

// A client of /api/events on HOST:PORT, or of a socket whose answer has begun. Every wait is
// bounded by ten seconds.
class EventReader {
 public:
  explicit EventReader(const std::string& address)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SetPatience();
    const auto host_port = ParseHostPort(address);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(host_port->port);
    ::inet_pton(AF_INET, host_port->host.c_str(), &to.sin_addr);
    const std::string request = "GET /api/events HTTP/1.1\r\nHost: t\r\n\r\n";
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0) {
      ::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL);
    }
    Read("\r\n\r\n", &head_);
  }
  explicit EventReader(FileDescriptor socket) : socket_(std::move(socket)) { SetPatience(); }

  // Status line and headers.
  const std::string& head() const { return head_; }
  // The data of the next event `runs`; "" if there is none.
  std::string Next() {
    std::string event;
    while (Read("\n\n", &event)) {
      constexpr char kBegin[] = "event: runs\ndata: ";
      if (event.rfind(kBegin, 0) == 0) return event.substr(sizeof(kBegin) - 1);
      if (event == ":") ++comments;
    }
    return "";
  }
  // Reads on until the other side ends the connection.
  bool WaitForEnd() {
    while (More()) continue;
    return ended_;
  }

  int comments = 0;

 private:
  void SetPatience() const {
    const timeval patience{10, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  bool Read(const std::string& end, std::string* text) {
    size_t at = 0;
    while ((at = received_.find(end)) == std::string::npos) {
      if (!More()) return false;
    }
    *text = received_.substr(0, at);
    received_.erase(0, at + end.size());
    return true;
  }
  bool More() {
    char buffer[4096];
    const ssize_t n = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
    ended_ |= n == 0;
    if (n > 0) received_.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }

  FileDescriptor socket_;
  std::string head_;
  std::string received_;
  bool ended_ = false;
};

}  // namespace sluice::sidecar::testing
