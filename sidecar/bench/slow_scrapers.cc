#include "sidecar/bench/slow_scrapers.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "common/file_descriptor.h"
#include "common/host_port.h"
#include "sidecar/bench/child.h"

namespace sluice::sidecar {
namespace {

constexpr char kRequest[] = "GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n";

// A connection that crawls: a byte of the request or of the answer each time.
struct Crawler {
  FileDescriptor socket;
  size_t sent = 0;

  void Connect(const HostPort& to) {
    sent = 0;
    socket = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to.port);
    ::inet_pton(AF_INET, to.host.c_str(), &address.sin_addr);
    // The kernel must not take the answer in its place.
    const int small = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      socket.Close();
    }
  }

  // Half of them crawl while they ask, the others while they read.
  void Step(const HostPort& to, bool asks_slowly) {
    if (!socket.is_open()) Connect(to);
    if (!socket.is_open()) return;
    const size_t left = sizeof(kRequest) - 1 - sent;
    if (left > 0) {
      const ssize_t n = ::send(socket.get(), kRequest + sent, asks_slowly ? 1 : left,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) sent += static_cast<size_t>(n);
      if (n < 0 && errno != EAGAIN) socket.Close();
      return;
    }
    char byte = 0;
    const ssize_t n = ::recv(socket.get(), &byte, 1, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) socket.Close();
  }
};

}  // namespace

SlowScrapers::SlowScrapers(const std::string& address, int count)
    : address_(address), slow_([this, count] { Crawl(count); }), quick_([this] { Scrape(); }) {}

void SlowScrapers::Stop() {
  stopping_ = true;
  if (slow_.joinable()) slow_.join();
  if (quick_.joinable()) quick_.join();
}

void SlowScrapers::Crawl(int count) {
  const auto to = ParseHostPort(address_);
  if (!to.ok()) return;
  std::vector<Crawler> crawlers(static_cast<size_t>(count));
  auto next = std::chrono::steady_clock::now();
  while (!stopping_) {
    for (size_t i = 0; i < crawlers.size(); ++i) crawlers[i].Step(*to, i % 2 == 0);
    ++turns_;
    next += std::chrono::seconds(1);
    while (!stopping_ && std::chrono::steady_clock::now() < next) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

void SlowScrapers::Scrape() {
  while (!stopping_) {
    const auto begin = std::chrono::steady_clock::now();
    const bool good = Get(address_, "/metrics").ok();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    healthy_.push_back(good ? took.count() : 10000.0);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace sluice::sidecar
