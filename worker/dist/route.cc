#include "worker/dist/route.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/file_descriptor.h"
#include "common/status.h"

namespace sluice::dist {
namespace {

absl::Status NoWay(const std::string& host, const std::string& why) {
  return absl::UnavailableError(absl::StrCat("no way to ", host, ": ", why));
}

}  // namespace

absl::StatusOr<std::string> AddressTowards(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found);
  if (code != 0) return NoWay(host, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  std::string why = "no address";
  for (const addrinfo* to = found; to != nullptr; to = to->ai_next) {
    // Connecting a datagram socket looks the way up, and that is all.
    const FileDescriptor socket(::socket(to->ai_family, to->ai_socktype, to->ai_protocol));
    sockaddr_storage own{};
    socklen_t size = sizeof(own);
    char text[NI_MAXHOST];
    if (socket.get() < 0 || ::connect(socket.get(), to->ai_addr, to->ai_addrlen) != 0 ||
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) {
      why = std::strerror(errno);
      continue;
    }
    if (::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof(text), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      return std::string(text);
    }
  }
  return NoWay(host, why);
}

}  // namespace sluice::dist
