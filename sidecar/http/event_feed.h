#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/file_descriptor.h"

namespace sluice::sidecar {

struct EventFeedOptions {
  size_t most_clients = 32;
  std::chrono::milliseconds period{500};  // Between two looks at what there is.
  std::chrono::milliseconds silence{
      15000};  // After that a comment tells a client that all is well.
  std::chrono::milliseconds patience{10000};  // With a client that has not taken all of an event.
};

// Server-sent events: tells its clients what there is, whenever that has changed. One thread for
// all of them, which looks only while there is one; a slow client gets the newest state, not every
// one, so that what waits for it is bounded by one event. Thread-safe.
class EventFeed {
 public:
  // `newest` is one line: the data of the event `runs`. Called on the feed's thread alone.
  explicit EventFeed(std::function<std::string()> newest, const EventFeedOptions& options = {});
  ~EventFeed();

  // A place for one more client, which is free again once the last copy is gone; null if all are
  // taken.
  std::shared_ptr<void> Reserve();
  // A connection whose answer has begun: status and headers are sent.
  void Take(FileDescriptor socket, std::shared_ptr<void> place);
  // Ends all connections, and those that come later at once.
  void Stop();

 private:
  struct Client;
  using Time = std::chrono::steady_clock::time_point;

  void Serve();
  // Clients that came since the last call; false once the feed ends.
  bool Admit(std::vector<Client>& clients);
  void Look(Time now);
  // False: the client is gone.
  bool Attend(Client& client, Time now) const;
  void Wait(std::vector<Client>& clients, Time now) const;

  const std::function<std::string()> newest_;
  const EventFeedOptions options_;
  const FileDescriptor wake_;
  const std::shared_ptr<std::atomic<size_t>> taken_ = std::make_shared<std::atomic<size_t>>(0);
  // Of the feed's thread.
  std::string event_;
  std::string text_;
  uint64_t version_ = 0;
  Time next_look_{};

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Client> arrived_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace sluice::sidecar
