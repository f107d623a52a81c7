#include "sidecar/http/draining_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/time/time.h"

namespace sluice::sidecar {
namespace {

// One connection as httplib reads and writes it. A request has to be there whole within `patience`
// of its first byte, an answer to be taken within `patience` of its first: a client that crawls is
// let go, however steadily it does. Used by one thread.
class Connection final : public httplib::Stream {
 public:
  Connection(socket_t socket, std::chrono::milliseconds patience)
      : socket_(socket), patience_(patience) {}

  // Waits for the first byte of the next request; false if none came in time.
  bool AwaitRequest(std::chrono::milliseconds time);

  bool is_readable() const override { return begin_ < end_ || Wait(POLLIN, read_until_); }
  bool is_writable() const override { return Wait(POLLOUT, write_until_); }
  ssize_t read(char* to, size_t size) override;
  ssize_t write(const char* from, size_t size) override;

  // No page asks who reads it.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool Wait(short events, Clock::time_point until) const;

  const socket_t socket_;
  const std::chrono::milliseconds patience_;
  Clock::time_point read_until_{};
  Clock::time_point write_until_{};
  bool answering_ = false;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

bool Connection::AwaitRequest(std::chrono::milliseconds time) {
  answering_ = false;
  if (begin_ == end_ && !Wait(POLLIN, Clock::now() + time)) return false;
  read_until_ = Clock::now() + patience_;
  return true;
}

ssize_t Connection::read(char* to, size_t size) {
  if (begin_ == end_) {
    if (!is_readable()) return -1;
    const ssize_t n = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n <= 0) return n;
    begin_ = 0;
    end_ = static_cast<size_t>(n);
  }
  const size_t n = std::min(size, end_ - begin_);
  std::copy_n(buffer_.data() + begin_, n, to);
  begin_ += n;
  return static_cast<ssize_t>(n);
}

ssize_t Connection::write(const char* from, size_t size) {
  if (!answering_) write_until_ = Clock::now() + patience_;
  answering_ = true;
  // Never blocks in send: what the socket takes of a large answer, it takes piece by piece.
  return is_writable() ? ::send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;
}

bool Connection::Wait(short events, Clock::time_point until) const {
  pollfd entry{socket_, events, 0};
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    ready = ::poll(&entry, 1, static_cast<int>(std::max<int64_t>(0, left)));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// A thread for each connection, so that those who wait for a slow client keep nobody else waiting.
// Beyond `most` connections the oldest is let go for each new one. Thread-safe.
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  // `let_go` ends the oldest connection; its task returns soon after.
  ConnectionThreads(size_t most, std::function<void()> let_go)
      : most_(most), let_go_(std::move(let_go)) {}

  void enqueue(std::function<void()> task) override;
  // Waits for all tasks.
  void shutdown() override;

 private:
  const size_t most_;
  const std::function<void()> let_go_;
  absl::Mutex mutex_;
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
};

void ConnectionThreads::enqueue(std::function<void()> task) {
  const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return running_ < most_; };
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (has_room()) {
        ++running_;
        break;
      }
    }
    let_go_();
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&has_room), absl::Milliseconds(100));
  }
  const auto run = [this, task = std::move(task)] {
    task();
    absl::MutexLock lock(&mutex_);
    --running_;
  };
  try {
    std::thread(run).detach();
  } catch (const std::system_error&) {
    run();  // No thread is to be had: the others wait for this one.
  }
}

void ConnectionThreads::shutdown() {
  const auto none_left = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return running_ == 0; };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&none_left));
}

// Of the connection that this thread answers.
thread_local std::function<void(FileDescriptor)> next_owner;

}  // namespace

DrainingServer::DrainingServer(const Options& options) : options_(options) {
  new_task_queue = [this] {
    return new ConnectionThreads(options_.most, [this] { LetGoOldest(); });
  };
}

void DrainingServer::HandOver(std::function<void(FileDescriptor)> taker) {
  next_owner = std::move(taker);
}

void DrainingServer::LengthenQueue() {
  // Of a socket that listens already, only the length is changed.
  ::listen(svr_sock_, SOMAXCONN);
}

void DrainingServer::EndConnections() {
  absl::MutexLock lock(&mutex_);
  ending_ = true;
  // Wakes those who wait to read. A socket leaves the set before it is closed, so none of these
  // numbers stands for something else by now.
  for (const auto& [number, socket] : sockets_) ::shutdown(socket, SHUT_RD);
}

void DrainingServer::LetGoOldest() {
  absl::MutexLock lock(&mutex_);
  if (!sockets_.empty()) ::shutdown(sockets_.begin()->second, SHUT_RDWR);
}

bool DrainingServer::ending() const {
  absl::MutexLock lock(&mutex_);
  return ending_;
}

bool DrainingServer::MayWait() const {
  absl::MutexLock lock(&mutex_);
  return !ending_ && sockets_.size() <= options_.kept;
}

uint64_t DrainingServer::Remember(socket_t socket) {
  absl::MutexLock lock(&mutex_);
  sockets_[++last_] = socket;
  return last_;
}

bool DrainingServer::Forget(uint64_t number) {
  absl::MutexLock lock(&mutex_);
  sockets_.erase(number);
  return ending_;
}

bool DrainingServer::process_and_close_socket(socket_t socket) {
  const uint64_t number = Remember(socket);
  Connection connection(socket, options_.patience);
  next_owner = nullptr;
  bool good = true;
  bool written = false;
  bool first = true;
  for (size_t left = keep_alive_max_count_; good && left > 0; --left) {
    const std::chrono::seconds patience(first || MayWait() ? keep_alive_timeout_sec_ : 0);
    first = false;
    // Asked before the wait for a connection that came after EndConnections, and behind it.
    if (ending() || !connection.AwaitRequest(patience) || ending()) break;
    bool closed = false;
    written = process_request(connection, left == 1, closed, nullptr);
    good = written && !closed;
    if (next_owner != nullptr) break;
  }
  const bool ended = Forget(number);
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
