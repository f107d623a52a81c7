#include "sidecar/http/draining_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <string>
#include <utility>

namespace sluice::sidecar {
namespace {

// One connection as httplib reads and writes it. Used by one thread.
class Connection final : public httplib::Stream {
 public:
  Connection(socket_t socket, time_t read_seconds, time_t write_seconds)
      : socket_(socket), read_seconds_(read_seconds), write_seconds_(write_seconds) {}

  // False if nothing came in time.
  bool AwaitRequest(time_t seconds) const { return begin_ < end_ || Wait(POLLIN, seconds); }

  bool is_readable() const override { return AwaitRequest(read_seconds_); }
  bool is_writable() const override { return Wait(POLLOUT, write_seconds_); }

  ssize_t read(char* to, size_t size) override {
    if (begin_ == end_) {
      if (!is_readable()) return -1;
      const ssize_t n = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
      if (n <= 0) return n;
      begin_ = 0;
      end_ = static_cast<size_t>(n);
    }
    const size_t n = std::min(size, end_ - begin_);
    std::copy_n(buffer_.data() + begin_, n, to);
    begin_ += n;
    return static_cast<ssize_t>(n);
  }

  ssize_t write(const char* from, size_t size) override {
    return is_writable() ? ::send(socket_, from, size, MSG_NOSIGNAL) : -1;
  }

  // No page asks who reads it.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

 private:
  bool Wait(short events, time_t seconds) const {
    pollfd entry{socket_, events, 0};
    int ready = 0;
    do {
      ready = ::poll(&entry, 1, static_cast<int>(seconds * 1000));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
  }

  const socket_t socket_;
  const time_t read_seconds_;
  const time_t write_seconds_;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Of the connection that this thread answers.
thread_local std::function<void(FileDescriptor)> next_owner;

}  // namespace

DrainingServer::DrainingServer() {
  new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
}

void DrainingServer::HandOver(std::function<void(FileDescriptor)> taker) {
  next_owner = std::move(taker);
}

void DrainingServer::EndConnections() {
  absl::MutexLock lock(&mutex_);
  ending_ = true;
  // Wakes those who wait to read. A socket leaves the set before it is closed, so none of these
  // numbers stands for something else by now.
  for (const socket_t socket : sockets_) ::shutdown(socket, SHUT_RD);
}

bool DrainingServer::ending() const {
  absl::MutexLock lock(&mutex_);
  return ending_;
}

bool DrainingServer::MayWait() const {
  absl::MutexLock lock(&mutex_);
  return !ending_ && sockets_.size() <= kKept;
}

bool DrainingServer::Forget(socket_t socket) {
  absl::MutexLock lock(&mutex_);
  sockets_.erase(socket);
  return ending_;
}

bool DrainingServer::process_and_close_socket(socket_t socket) {
  {
    absl::MutexLock lock(&mutex_);
    sockets_.insert(socket);
  }
  Connection connection(socket, read_timeout_sec_, write_timeout_sec_);
  next_owner = nullptr;
  bool good = true;
  bool written = false;
  bool first = true;
  for (size_t left = keep_alive_max_count_; good && left > 0; --left) {
    const time_t patience = first || MayWait() ? keep_alive_timeout_sec_ : 0;
    first = false;
    // Asked before the wait for a connection that came after EndConnections, and behind it.
    if (ending() || !connection.AwaitRequest(patience) || ending()) break;
    bool closed = false;
    written = process_request(connection, left == 1, closed, nullptr);
    good = written && !closed;
    if (next_owner != nullptr) break;
  }
  const bool ended = Forget(socket);
  const std::function<void(FileDescriptor)> taker = std::exchange(next_owner, nullptr);
  if (taker != nullptr && written && !ended) {
    taker(FileDescriptor(socket));
    return true;
  }
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
  return good;
}

}  // namespace sluice::sidecar
