#include "worker/telemetry/publisher.h"

#include <atomic>
#include <cmath>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/host_port.h"
#include "common/status.h"
#include "worker/telemetry/session.h"
#include "worker/telemetry/sidecar_access.h"
#include "worker/telemetry/snapshot_ring.h"

namespace sluice::telemetry {
namespace {

using Clock = std::chrono::steady_clock;

// How long the sidecar may take to end a finished stream, and gRPC to end a cancelled one.
constexpr std::chrono::milliseconds kHalfCloseTime{500};
constexpr std::chrono::milliseconds kCancelTime{1000};

PublisherConfig WithIncarnation(PublisherConfig config) {
  if (config.incarnation == 0) {
    config.incarnation = static_cast<uint64_t>(
        std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
  }
  return config;
}

std::vector<uint32_t> LayersOf(const PublisherConfig& config) {
  std::vector<uint32_t> layers;
  for (const GateDescription& gate : config.gates) layers.push_back(gate.layer);
  return layers;
}

absl::Status Bad(absl::string_view key, const std::string& value, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("telemetry.", key, " is ", value, ", expected ", expected));
}

absl::Status Validate(const PublisherConfig& config) {
  const auto address = ParseHostPort(config.address);
  SLUICE_RETURN_IF_ERROR(Annotate(address.status(), "telemetry.address"));
  if (address->port == 0) return Bad("address", config.address, "a port from 1 to 65535");
  if (config.run.empty() || config.run.size() > 128) {
    return Bad("run", absl::StrCat("'", config.run, "'"), "1 to 128 characters");
  }
  if (config.rank >= config.world_size) {
    return Bad("rank", absl::StrCat(config.rank), absl::StrCat("under ", config.world_size));
  }
  if (config.gates.size() > kMaxGateLayers) {
    return Bad("gates", absl::StrCat(config.gates.size(), " gates"),
               absl::StrCat("at most ", kMaxGateLayers));
  }
  if (!std::isfinite(config.stall_seconds) || config.stall_seconds <= 0.0) {
    return Bad("stall_seconds", absl::StrCat(config.stall_seconds), "a number above 0");
  }
  if (config.max_snapshots == 0 || config.max_events == 0 || config.max_in_flight == 0) {
    return Bad("max_snapshots, max_events or max_in_flight", "0", "at least 1");
  }
  if (config.backoff_first.count() < 1 || config.backoff_longest < config.backoff_first) {
    return Bad("backoff_first", absl::StrCat(config.backoff_first.count(), " ms"),
               "at least 1 ms and not above backoff_longest");
  }
  return absl::OkStatus();
}

double ThreadCpuSeconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

}  // namespace

class Publisher::Impl {
 public:
  explicit Impl(PublisherConfig config)
      : config_(WithIncarnation(std::move(config))),
        ring_(std::max<uint32_t>(1, config_.address.empty() ? 1 : config_.ring_capacity)),
        inbox_(config_.run, LayersOf(config_),
               config_.in_force.has_value() ? config_.in_force->version : 0) {}

  ~Impl() { Stop(Clock::now()); }

  bool off() const { return config_.address.empty(); }

  absl::Status Start() {
    SLUICE_RETURN_IF_ERROR(Validate(config_));
    if (thread_.joinable()) return absl::FailedPreconditionError("the publisher runs already");
    SLUICE_ASSIGN_OR_RETURN(
        access_, security::ClientAccess::Make("telemetry.tls.", SidecarAccess(), config_.address));
    thread_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  }

  void Publish(const GateSnapshot& snapshot) { ring_.Push(snapshot); }
  std::optional<Directive> TakeDirective() { return inbox_.Take(); }

  bool Send(Event event) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (events_.size() >= config_.max_events) {
        ++events_dropped_;
        return false;
      }
      events_.push_back(std::move(event));
    }
    wakeup_->Signal();
    return true;
  }

  void SetInForce(const Directive& directive) {
    const std::lock_guard<std::mutex> lock(mutex_);
    in_force_ = directive;
  }

  absl::Status Finish(const RunEnded& ended, std::chrono::milliseconds timeout) {
    if (!thread_.joinable()) return absl::FailedPreconditionError("the publisher does not run");
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = ended;
    }
    Stop(Clock::now() + timeout);
    const uint64_t waiting = Stats().messages_waiting;
    if (waiting == 0) return absl::OkStatus();
    return absl::DeadlineExceededError(absl::StrCat("the sidecar at ", config_.address,
                                                    " did not acknowledge ", waiting,
                                                    " messages within ", timeout.count(), " ms"));
  }

  PublisherStats Stats() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    PublisherStats stats = stats_;
    const RingCounts ring = ring_.counts();
    stats.snapshots_offered = ring.offered;
    stats.snapshots_accepted = ring.accepted;
    stats.snapshots_dropped = ring.dropped;
    stats.events_dropped += events_dropped_;
    return stats;
  }

 private:
  void Stop(Clock::time_point deadline) {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      deadline_ = deadline;
    }
    wakeup_->Signal();
    thread_.join();
  }

  // The publisher's thread.
  void Run() {
    Session session(config_, &inbox_, wakeup_, access_);
    while (!Stopping()) {
      Transfer(session);
      session.Step(Clock::now());
      Note(session);
      wakeup_->WaitFor(config_.poll_interval);
    }
    SendTheRest(session);
    Close(session);
    Note(session);
  }

  bool Stopping() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return deadline_.has_value();
  }

  void Transfer(Session& session) {
    while (auto snapshot = ring_.Pop()) session.Offer(*snapshot);
    std::deque<Event> events;
    std::optional<Directive> in_force;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      events.swap(events_);
      in_force.swap(in_force_);
    }
    if (in_force.has_value()) session.SetInForce(*in_force);
    for (Event& event : events) session.Offer(std::move(event));
  }

  // The training thread has published its last: `deadline_` was set behind the mutex.
  void SendTheRest(Session& session) {
    Transfer(session);
    if (auto held = ring_.TakeHeld()) session.Offer(*held);
    if (ended_.has_value()) session.Offer(Event(*ended_));
    while (!session.finished() && Clock::now() < *deadline_) {
      session.Step(Clock::now());
      if (!session.finished()) Wait(*deadline_);
    }
  }

  void Close(Session& session) {
    if (session.finished()) {
      session.HalfClose();
      const auto until = std::min(*deadline_, Clock::now() + kHalfCloseTime);
      while (!session.closed() && Clock::now() < until) {
        session.Step(Clock::now());
        if (!session.closed()) Wait(until);
      }
    }
    session.Cancel(Clock::now());
    const auto until = Clock::now() + kCancelTime;
    while (!session.Settled() && Clock::now() < until) Wait(until);
  }

  void Wait(Clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    wakeup_->WaitFor(std::clamp(left, std::chrono::milliseconds(0), config_.poll_interval));
  }

  void Note(const Session& session) {
    const std::lock_guard<std::mutex> lock(mutex_);
    session.FillStats(stats_);
    stats_.cpu_seconds = ThreadCpuSeconds();
  }

  const PublisherConfig config_;
  security::ClientAccess access_;
  SnapshotRing ring_;
  DirectiveInbox inbox_;
  const std::shared_ptr<Wakeup> wakeup_ = std::make_shared<Wakeup>();
  std::thread thread_;

  // Guards what follows; held for a few moves, and never by Publish or TakeDirective.
  mutable std::mutex mutex_;
  std::deque<Event> events_;
  std::optional<Directive> in_force_;
  std::optional<RunEnded> ended_;
  std::optional<Clock::time_point> deadline_;
  uint64_t events_dropped_ = 0;
  PublisherStats stats_;
};

Publisher::Publisher(PublisherConfig config) : impl_(new Impl(std::move(config))) {}
Publisher::~Publisher() = default;

absl::Status Publisher::Start() { return impl_->off() ? absl::OkStatus() : impl_->Start(); }

void Publisher::Publish(const GateSnapshot& snapshot) {
  if (!impl_->off()) impl_->Publish(snapshot);
}

bool Publisher::Send(Event event) { return impl_->off() || impl_->Send(std::move(event)); }

void Publisher::SetInForce(const Directive& directive) {
  if (!impl_->off()) impl_->SetInForce(directive);
}

std::optional<Directive> Publisher::TakeDirective() { return impl_->TakeDirective(); }

absl::Status Publisher::Finish(const RunEnded& ended, std::chrono::milliseconds timeout) {
  return impl_->off() ? absl::OkStatus() : impl_->Finish(ended, timeout);
}

PublisherStats Publisher::Stats() const { return impl_->Stats(); }

}  // namespace sluice::telemetry
