#pragma once

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/host_port.h"

namespace sluice::e2e {

// Body of a GET, by a connection of its own; "" if nothing answers. Plain sockets: Debian's
// httplib is built with TLS, which changes the layout of its client.
inline std::string HttpBody(const HostPort& address, const std::string& path) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = absl::StrCat(address.port);
  if (getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0) return "";
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::string answer;
  if (::connect(fd, found->ai_addr, found->ai_addrlen) == 0) {
    const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: t\r\n\r\n");
    char buffer[4096];
    ssize_t count = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    while ((count = ::recv(fd, buffer, sizeof(buffer), 0)) > 0) answer.append(buffer, count);
  }
  ::close(fd);
  freeaddrinfo(found);
  const size_t head = answer.find("\r\n\r\n");
  return head == std::string::npos ? "" : answer.substr(head + 4);
}

// Samples of a scrape by name and labels as they are written: `sluice_step{run="a"}`.
inline std::map<std::string, double> Scrape(const HostPort& address) {
  std::map<std::string, double> samples;
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(HttpBody(address, "/metrics"), '\n'))) {
    const size_t space = line.rfind(' ');
    if (line.empty() || line[0] == '#' || space == std::string::npos) continue;
    samples[line.substr(0, space)] = std::strtod(line.c_str() + space + 1, nullptr);
  }
  return samples;
}

}  // namespace sluice::e2e
