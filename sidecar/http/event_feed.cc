#include "sidecar/http/event_feed.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/status.h"

namespace sluice::sidecar {

struct EventFeed::Client {
  FileDescriptor socket;
  std::shared_ptr<void> place;
  std::string pending;   // What the socket has not taken yet.
  uint64_t version = 0;  // Of the newest event begun.
  Time spoke;            // When the socket last took something.
  Time begun = {};       // When what is pending was put there.
  bool readable = false;
};

EventFeed::EventFeed(std::function<std::string()> newest, const EventFeedOptions& options)
    : newest_(std::move(newest)),
      options_(options),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SLUICE_CHECK(wake_.is_open());
  thread_ = std::thread([this] { Serve(); });
}

EventFeed::~EventFeed() { Stop(); }

std::shared_ptr<void> EventFeed::Reserve() {
  if (taken_->fetch_add(1) >= options_.most_clients) {
    taken_->fetch_sub(1);
    return nullptr;
  }
  return {static_cast<void*>(this), [taken = taken_](void*) { taken->fetch_sub(1); }};
}

void EventFeed::Take(FileDescriptor socket, std::shared_ptr<void> place) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return;
  arrived_.push_back(
      {std::move(socket), std::move(place), "", 0, std::chrono::steady_clock::now()});
  SLUICE_CHECK(::eventfd_write(wake_.get(), 1) == 0);
}

void EventFeed::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    SLUICE_CHECK(::eventfd_write(wake_.get(), 1) == 0);
  }
  if (thread_.joinable()) thread_.join();
}

void EventFeed::Serve() {
  std::vector<Client> clients;
  while (Admit(clients)) {
    const Time now = std::chrono::steady_clock::now();
    if (!clients.empty()) Look(now);
    std::erase_if(clients, [&](Client& client) { return !Attend(client, now); });
    Wait(clients, now);
  }
}

bool EventFeed::Admit(std::vector<Client>& clients) {
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
  absl::MutexLock lock(&mutex_);
  // What was shown to the last client who left may be old.
  if (clients.empty()) next_look_ = Time{};
  std::move(arrived_.begin(), arrived_.end(), std::back_inserter(clients));
  arrived_.clear();
  return !stopping_;
}

void EventFeed::Look(Time now) {
  if (now < next_look_) return;
  next_look_ = now + options_.period;
  std::string text = newest_();
  if (version_ > 0 && text == text_) return;
  text_ = std::move(text);
  event_ = "event: runs\ndata: " + text_ + "\n\n";
  ++version_;
}

bool EventFeed::Attend(Client& client, Time now) const {
  if (std::exchange(client.readable, false)) {
    std::array<char, 256> ignored;
    const ssize_t n = ::recv(client.socket.get(), ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return false;
  }
  if (client.pending.empty() && client.version != version_) {
    client.pending = event_;
    client.version = version_;
  } else if (client.pending.empty() && now - client.spoke >= options_.silence) {
    client.pending = ":\n\n";
  }
  if (client.pending.empty()) return true;
  if (client.begun == Time{}) client.begun = now;
  const ssize_t n = ::send(client.socket.get(), client.pending.data(), client.pending.size(),
                           MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
  if (n > 0) {
    client.pending.erase(0, static_cast<size_t>(n));
    client.spoke = now;
  }
  // Whoever crawls holds a place as one does who takes nothing.
  if (!client.pending.empty()) return now - client.begun < options_.patience;
  client.begun = Time{};
  return true;
}

void EventFeed::Wait(std::vector<Client>& clients, Time now) const {
  std::vector<pollfd> wait = {{wake_.get(), POLLIN, 0}};
  for (const Client& client : clients) {
    const short room = client.pending.empty() ? 0 : POLLOUT;
    wait.push_back({client.socket.get(), static_cast<short>(POLLIN | room), 0});
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_look_ - now);
  const int ready =
      ::poll(wait.data(), wait.size(),
             clients.empty() ? -1 : static_cast<int>(std::max<int64_t>(0, left.count())));
  SLUICE_CHECK(ready >= 0 || errno == EINTR);
  for (size_t i = 0; ready > 0 && i < clients.size(); ++i) {
    clients[i].readable = (wait[i + 1].revents & ~POLLOUT) != 0;
  }
}

}  // namespace sluice::sidecar
