#include "sidecar/http/tls_front.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/security/tls_config.h"
#include "common/status.h"

namespace sluice::sidecar {
namespace {

constexpr size_t kBuffer = 32 << 10;
constexpr std::chrono::seconds kHandshakeTime{10};
constexpr std::chrono::seconds kIdleTime{60};  // Events say something every 15 seconds.
constexpr std::chrono::seconds kBetweenLooks{1};

absl::Status Cannot(const HostPort& address, const char* why) {
  return absl::UnavailableError(
      absl::StrCat("http: cannot listen on ", address.ToString(), ": ", why));
}

struct Addresses {
  explicit Addresses(const HostPort& place) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    error = ::getaddrinfo(place.host.c_str(), std::to_string(place.port).c_str(), &hints, &first);
  }
  ~Addresses() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
  addrinfo* first = nullptr;
  int error = 0;
};

}  // namespace

// One connection: what came from the client goes to the backend, and back.
struct TlsFront::Connection {
  Connection(FileDescriptor socket, SSL_CTX* context, Time now)
      : outer(std::move(socket)),
        ssl(::SSL_new(context), ::SSL_free),
        deadline(now + kHandshakeTime) {
    ::SSL_set_fd(ssl.get(), outer.get());
  }

  // Moves what can be moved; false: it is over.
  bool Pump(const HostPort& backend, Time now) {
    wants_write = false;
    if (now >= deadline) return false;
    if (!inner.is_open()) {
      const int result = ::SSL_accept(ssl.get());
      if (result != 1) return Waits(result);
      if (!Connect(backend)) return false;
    }
    bool moved = true;
    while (moved) {
      moved = false;
      if (!FromOuter(moved) || !ToInner(moved) || !FromInner(moved) || !ToOuter(moved))
        return false;
      if (moved) deadline = now + kIdleTime;
    }
    if (inner_ended && to_outer.empty()) ::SSL_shutdown(ssl.get());
    return !(inner_ended && to_outer.empty());
  }

  // Whether a call of OpenSSL has to be made again later.
  bool Waits(int result) {
    const int error = ::SSL_get_error(ssl.get(), result);
    ::ERR_clear_error();
    wants_write |= error == SSL_ERROR_WANT_WRITE;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  }

  bool Connect(const HostPort& backend) {
    const Addresses addresses(backend);
    if (addresses.error != 0) return false;
    inner = FileDescriptor(
        ::socket(addresses.first->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!inner.is_open()) return false;
    const int result =
        ::connect(inner.get(), addresses.first->ai_addr, addresses.first->ai_addrlen);
    return result == 0 || errno == EINPROGRESS;
  }

  bool FromOuter(bool& moved) {
    if (to_inner.size() >= kBuffer) return true;
    std::array<char, 4096> bytes;
    const int n = ::SSL_read(ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (n <= 0) return Waits(n);
    to_inner.append(bytes.data(), static_cast<size_t>(n));
    return moved = true;
  }

  bool ToOuter(bool& moved) {
    if (to_outer.empty()) return true;
    const int n = ::SSL_write(ssl.get(), to_outer.data(), static_cast<int>(to_outer.size()));
    if (n <= 0) return Waits(n);
    to_outer.erase(0, static_cast<size_t>(n));
    return moved = true;
  }

  static bool NotNow() {
    return errno == EAGAIN || errno == EINTR || errno == ENOTCONN || errno == EINPROGRESS;
  }

  bool ToInner(bool& moved) {
    if (to_inner.empty()) return true;
    const ssize_t n =
        ::send(inner.get(), to_inner.data(), to_inner.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return NotNow();
    to_inner.erase(0, static_cast<size_t>(n));
    return moved = true;
  }

  bool FromInner(bool& moved) {
    if (inner_ended || to_outer.size() >= kBuffer) return true;
    std::array<char, 16384> bytes;
    const ssize_t n = ::recv(inner.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n < 0) return NotNow();
    inner_ended = n == 0;
    to_outer.append(bytes.data(), static_cast<size_t>(n));
    return moved = true;
  }

  FileDescriptor outer;
  FileDescriptor inner;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl;
  std::string to_inner;
  std::string to_outer;
  Time deadline;
  bool inner_ended = false;
  bool wants_write = false;
};

TlsFront::TlsFront(std::string prefix, const security::ServerTls& tls, const HostPort& backend)
    : prefix_(std::move(prefix)),
      tls_(tls),
      backend_(backend),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SLUICE_CHECK(wake_.is_open());
}

absl::StatusOr<std::unique_ptr<TlsFront>> TlsFront::Start(const HostPort& address,
                                                          const std::string& prefix,
                                                          const security::ServerTls& tls,
                                                          const HostPort& backend) {
  std::unique_ptr<TlsFront> front(new TlsFront(prefix, tls, backend));
  front->stamp_ = front->StampOf();
  SLUICE_ASSIGN_OR_RETURN(front->context_, Load(prefix, tls));
  SLUICE_RETURN_IF_ERROR(front->Listen(address));
  front->thread_ = std::thread([raw = front.get()] { raw->Serve(); });
  return front;
}

TlsFront::~TlsFront() {
  stopping_ = true;
  SLUICE_CHECK(::eventfd_write(wake_.get(), 1) == 0);
  if (thread_.joinable()) thread_.join();
}

absl::Status TlsFront::Listen(const HostPort& address) {
  const Addresses addresses(address);
  if (addresses.error != 0) return Cannot(address, ::gai_strerror(addresses.error));
  const addrinfo& place = *addresses.first;
  listener_ =
      FileDescriptor(::socket(place.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  if (!listener_.is_open() ||
      ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
      ::bind(listener_.get(), place.ai_addr, place.ai_addrlen) != 0 ||
      ::listen(listener_.get(), 64) != 0) {
    return Cannot(address, std::strerror(errno));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  std::array<char, NI_MAXSERV> port;
  if (::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, nullptr, 0, port.data(), port.size(),
                    NI_NUMERICSERV) != 0) {
    return Cannot(address, "no port");
  }
  address_ = {address.host, static_cast<uint16_t>(std::stoi(port.data()))};
  return absl::OkStatus();
}

absl::StatusOr<TlsFront::Context> TlsFront::Load(const std::string& prefix,
                                                 const security::ServerTls& tls) {
  SLUICE_RETURN_IF_ERROR(security::CheckServerTls(prefix, tls));
  Context context(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free);
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  bool good = ::SSL_CTX_use_certificate_chain_file(context.get(), tls.cert.c_str()) == 1 &&
              ::SSL_CTX_use_PrivateKey_file(context.get(), tls.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (good && !tls.client_ca.empty()) {
    good = ::SSL_CTX_load_verify_locations(context.get(), tls.client_ca.c_str(), nullptr) == 1;
    ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // What a resumed session was shown is checked again.
    ::SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  }
  ::ERR_clear_error();
  if (good) return context;
  return absl::InvalidArgumentError(
      absl::StrCat(prefix, "cert is '", tls.cert, "', expected a chain that OpenSSL takes"));
}

TlsFront::Stamp TlsFront::StampOf() const {
  Stamp stamp;
  for (const std::string& path : {tls_.cert, tls_.key, tls_.client_ca}) {
    struct stat info {};
    if (path.empty() || ::stat(path.c_str(), &info) != 0) continue;
    stamp.emplace_back(info.st_ino, info.st_mtim.tv_sec);
  }
  return stamp;
}

void TlsFront::Refresh(Time now) {
  if (now < next_look_) return;
  next_look_ = now + kBetweenLooks;
  Stamp stamp = StampOf();
  if (stamp == stamp_) return;
  stamp_ = std::move(stamp);
  auto context = Load(prefix_, tls_);
  if (context.ok()) {
    context_ = *std::move(context);
    spdlog::info("http: certificates were read again");
  } else {
    spdlog::error("http: the former certificates stay: {}",
                  std::string(context.status().message()));
  }
}

void TlsFront::Accept(std::vector<Connection>& connections, Time now) {
  while (true) {
    FileDescriptor socket(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.is_open()) return;
    Refresh(now);
    // The oldest gives way, so that those who only wait keep nobody out.
    if (connections.size() >= kMostConnections) connections.erase(connections.begin());
    connections.emplace_back(std::move(socket), context_.get(), now);
  }
}

void TlsFront::Serve() {
  std::vector<Connection> connections;
  while (!stopping_) {
    const Time now = std::chrono::steady_clock::now();
    Accept(connections, now);
    std::erase_if(connections,
                  [&](Connection& connection) { return !connection.Pump(backend_, now); });
    Wait(connections);
  }
}

void TlsFront::Wait(std::vector<Connection>& connections) const {
  std::vector<pollfd> wait = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
  for (const Connection& connection : connections) {
    const bool reads_outer = connection.to_inner.size() < kBuffer;
    const bool writes_outer = connection.wants_write || !connection.to_outer.empty();
    wait.push_back({connection.outer.get(),
                    static_cast<short>((reads_outer ? POLLIN : 0) | (writes_outer ? POLLOUT : 0)),
                    0});
    if (!connection.inner.is_open() || connection.inner_ended) continue;
    const bool reads_inner = connection.to_outer.size() < kBuffer;
    const bool writes_inner = !connection.to_inner.empty();
    wait.push_back({connection.inner.get(),
                    static_cast<short>((reads_inner ? POLLIN : 0) | (writes_inner ? POLLOUT : 0)),
                    0});
  }
  // Deadlines are looked at every second.
  SLUICE_CHECK(::poll(wait.data(), wait.size(), connections.empty() ? -1 : 1000) >= 0 ||
               errno == EINTR);
}

}  // namespace sluice::sidecar
