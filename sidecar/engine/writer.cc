#include "sidecar/engine/writer.h"

#include <utility>

#include "common/log.h"
#include "sidecar/engine/faults.h"

namespace sluice::sidecar {
namespace {

constexpr size_t kBatch = 1024;
constexpr std::chrono::milliseconds kIdleRound{200};

using Clock = std::chrono::steady_clock;

}  // namespace

Writer::Writer(Engine engine, Store store, CommandQueue* queue, ViewHub* hub)
    : engine_(std::move(engine)), store_(std::move(store)), queue_(queue), hub_(hub) {
  heartbeat_ = Clock::now();
  hub_->Publish(WithStorage(engine_.MakeView(0)));
}

Writer::~Writer() {
  if (thread_.joinable()) Stop(Clock::now());
}

void Writer::Start() {
  thread_ = std::thread([this] { Loop(); });
}

bool Writer::Stop(Clock::time_point deadline) {
  deadline_ = deadline;
  stopping_ = true;
  queue_->Wake();
  thread_.join();
  return complete_;
}

std::chrono::nanoseconds Writer::SinceHeartbeat() const { return Clock::now() - heartbeat_.load(); }

bool Writer::PastDeadline() const { return stopping_ && Clock::now() >= deadline_.load(); }

void Writer::Loop() {
  while (true) {
    heartbeat_ = Clock::now();
    if (!writable_) {
      if (PastDeadline()) break;
      std::this_thread::sleep_for(kIdleRound);  // Between two tries of a failing commit.
    } else {
      const std::vector<Command> batch = queue_->Drain(kBatch, kIdleRound);
      const bool time_changed_something = engine_.Tick(Clock::now());
      if (batch.empty() && !time_changed_something) {
        if (stopping_ && queue_->empty()) break;
        continue;
      }
      for (const Command& command : batch) engine_.Apply(command, outbox_);
    }
    if (SLUICE_DEFECT("ack_before_commit")) outbox_.Send();
    if (Commit()) {
      SLUICE_FAILPOINT("after_commit");
      // Before it is said, so that who was told finds it.
      hub_->Publish(WithStorage(engine_.MakeView(commit_failures_)));
      outbox_.Send();
    } else {
      // What is durable, with the failures: they must show while they last.
      auto view = std::make_shared<View>(*hub_->Get());
      view->commit_failures = commit_failures_;
      hub_->Publish(WithStorage(std::move(view)));
    }
  }
  const std::vector<Command> left = queue_->Close();
  complete_ = writable_ && left.empty();
  for (const Command& command : left) {
    if (const auto* set = std::get_if<SetThresholdCommand>(&command)) {
      outbox_.answers.push_back({set->done, absl::UnavailableError("")});
    } else if (const auto* reset = std::get_if<ResetBreakerCommand>(&command)) {
      outbox_.answers.push_back({reset->done, absl::UnavailableError("")});
    } else if (const auto* seen = std::get_if<AcknowledgeQuarantineCommand>(&command)) {
      outbox_.answers.push_back({seen->done, absl::UnavailableError("")});
    }
  }
  outbox_.Abandon();
}

bool Writer::Commit() {
  const Changes changes = engine_.PendingChanges();
  const Clock::time_point begin = Clock::now();
  const absl::Status status = changes.empty() ? absl::OkStatus() : store_.Commit(changes);
  if (status.ok()) {
    engine_.Committed();
    if (!changes.empty()) {
      commit_times_.Add(std::chrono::duration<double>(Clock::now() - begin).count());
    }
    if (!writable_) spdlog::info("the state is written again");
    writable_ = true;
    return true;
  }
  ++commit_failures_;
  error_ = std::string(status.message());
  if (writable_) {
    spdlog::error("commit failed, nothing is acknowledged until it succeeds: {}",
                  status.ToString());
  }
  writable_ = false;
  if (status.code() == absl::StatusCode::kDataLoss) BeginAnew();
  return false;
}

// The file is damaged, and all that matters of it is in memory: it is written into a new one.
void Writer::BeginAnew() {
  const absl::Status status = store_.SetAside(error_);
  if (!status.ok()) {
    error_ = std::string(status.message());
    spdlog::error("the damaged state could not be set aside: {}", status.ToString());
    return;
  }
  engine_.MarkAllDirty();
}

std::shared_ptr<const View> Writer::WithStorage(std::shared_ptr<View> view) const {
  StorageView storage;
  storage.writable = writable_;
  if (!writable_) storage.error = error_;
  storage.bytes = store_.used_bytes();
  for (const Quarantine& quarantine : store_.quarantines()) {
    storage.quarantines.push_back({quarantine.file, quarantine.reason, quarantine.acknowledged});
  }
  view->storage = std::move(storage);
  view->commit_times = commit_times_;
  return view;
}

}  // namespace sluice::sidecar
