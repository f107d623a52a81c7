#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "sidecar/ingest/stream_taker.h"
#include "sidecar/relay/lane_queue.h"
#include "sidecar/relay/upstream.h"

namespace sluice::sidecar {

struct RelayOptions {
  std::string upstream;                           // HOST:PORT.
  security::ClientAccess access;                  // How it is reached.
  std::chrono::milliseconds hold{500};            // How long a snapshot inside a window may wait.
  std::chrono::milliseconds first_pause{200};     // Before the second attempt to connect; doubled,
  std::chrono::milliseconds longest_pause{5000};  // but at most this.
  std::chrono::milliseconds stall{10000};         // Silence of an upstream that owes an answer.
  std::chrono::nanoseconds turn{100000};          // Pause of a rank that is beyond its rate.
  size_t message_bytes = 1 << 20;                 // Most that the upstream takes in one message.
};

struct RelayStats {
  uint64_t ranks = 0;          // Streams of ranks that are up.
  uint64_t messages = 0;       // Taken from ranks.
  uint64_t forwarded = 0;      // Sent upstream.
  uint64_t merged = 0;         // Gave way to a newer one before.
  uint64_t waiting_bytes = 0;  // Of messages that wait to be sent.
  uint64_t reconnects = 0;     // Streams to the upstream that were lost.
  bool connected = false;
};

// Passes messages of ranks on to an upstream sidecar over one stream, and its answers back; see
// README.md for what it promises. Thread-safe. Lock order: an Upstream's lock before mutex_, and
// mutex_ before a port's.
class Relay final : public StreamTaker, private UpstreamEvents {
 public:
  explicit Relay(const RelayOptions& options);
  ~Relay() override { Stop(); }

  // Lets the upstream go. Ranks' streams stay, without answers: end them next.
  void Stop();
  RelayStats Stats() const;
  // Time since its thread last went round; that happens once a second at least.
  std::chrono::nanoseconds SinceHeartbeat() const;

  // A rank beyond its rate is read on a turn later: nothing is refused here. A message that the
  // upstream would not take for its size ends the stream.
  bool Take(const std::shared_ptr<StreamPort>& port, v1::WorkerMessage& message,
            const absl::Status& turn) override;
  void Closed(const std::shared_ptr<StreamPort>& port) override;

 private:
  using Clock = std::chrono::steady_clock;

  // A rank's stream.
  struct Lane {
    std::shared_ptr<StreamPort> port;
    LaneQueue queue;
    bool begun = false;    // The upstream knows of it.
    bool waits = false;    // The rank is not read from, for want of room or before `resume`.
    bool closing = false;  // The rank says no more.
    bool ended = false;    // The upstream knows that.
    Clock::time_point resume{};

    bool HasRoom() const;
  };
  using Lanes = std::map<uint64_t, Lane>;

  void OnConnected() override;
  void OnResponse(const v1::RelayResponse& response) override;
  void OnWritten() override;
  void OnEnded(const grpc::Status& status) override;

  void Loop();
  // What the loop does about the upstream at the end of a round, without the lock.
  void Mend(const std::optional<grpc::Status>& ended);
  void DropUpstream(const grpc::Status& why);
  // The rest is called under the lock. When the loop is to look again at the latest.
  Clock::time_point NextLook() const;
  bool IsTimeToSend(Clock::time_point now);
  v1::RelayRequest Collect();
  void ReadOn(Clock::time_point now);
  void Tell(const v1::LaneResponse& response);
  Lanes::iterator Find(const StreamPort* port);
  Lanes::iterator Forget(Lanes::iterator lane);
  void Wake();

  const RelayOptions options_;
  mutable std::mutex mutex_;  // Guards what follows up to stats_.
  std::condition_variable ready_;
  bool stopping_ = false;
  bool woken_ = false;
  bool connected_ = false;
  bool writing_ = false;
  std::optional<grpc::Status> ended_;  // The upstream's.
  // Since when the oldest message that waits does, and since when the upstream owes an answer.
  std::optional<Clock::time_point> waits_since_;
  std::optional<Clock::time_point> owes_since_;
  uint64_t last_lane_ = 0;
  Lanes lanes_;
  std::map<const StreamPort*, uint64_t> lane_of_;
  RelayStats stats_;
  std::atomic<Clock::time_point> heartbeat_{Clock::now()};
  // Of the loop's thread.
  std::shared_ptr<Upstream> upstream_;
  std::optional<grpc::StatusCode> logged_;  // Of the loss that the log has.
  Clock::time_point next_attempt_{};
  std::chrono::milliseconds pause_;
  std::mt19937_64 random_;
  std::thread thread_;
};

}  // namespace sluice::sidecar
