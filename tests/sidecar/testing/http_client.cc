#include "tests/sidecar/testing/http_client.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstdlib>

#include "common/host_port.h"

namespace sluice::sidecar::testing {

// Plain sockets: Debian's httplib is built with TLS, which changes the layout of its client.
HttpConnection::HttpConnection(const std::string& address)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const auto host_port = ParseHostPort(address);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(host_port->port);
  ::inet_pton(AF_INET, host_port->host.c_str(), &to.sin_addr);
  const timeval patience{5, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
    socket_.Close();
  }
}

bool HttpConnection::Send(const std::string& bytes) {
  return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

std::string HttpConnection::Get(const std::string& path) {
  return Send("GET " + path + " HTTP/1.1\r\nHost: t\r\n\r\n") ? ReadAnswer() : "";
}

std::string HttpConnection::ReadAnswer() {
  constexpr char kLength[] = "Content-Length: ";
  while (true) {
    const size_t head = received_.find("\r\n\r\n");
    const size_t length = received_.find(kLength);
    if (head != std::string::npos && length < head) {
      const char* digits = received_.c_str() + length + sizeof(kLength) - 1;
      const size_t size = head + 4 + std::strtoul(digits, nullptr, 10);
      if (received_.size() >= size) {
        std::string answer = received_.substr(0, size);
        received_.erase(0, size);
        return answer;
      }
    }
    char buffer[4096];
    const ssize_t n = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
    if (n <= 0) return "";
    received_.append(buffer, static_cast<size_t>(n));
  }
}

bool HttpConnection::WaitForEnd() {
  char byte = 0;
  return ::recv(socket_.get(), &byte, 1, 0) == 0;
}

std::string HttpGet(const std::string& address, const std::string& path) {
  const std::string answer = HttpConnection(address).Get(path);
  if (answer.rfind("HTTP/1.1 200", 0) != 0) return "";
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

int HttpStatus(const std::string& address, const std::string& path) {
  const std::string answer = HttpConnection(address).Get(path);
  return answer.empty() ? 0 : std::atoi(answer.c_str() + sizeof("HTTP/1.1"));
}

}  // namespace sluice::sidecar::testing
