#include "worker/launch/local_ranks.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "worker/launch/child_process.h"

namespace sluice::launch {
namespace {

using Clock = std::chrono::steady_clock;

// How often the ranks and the received signal are looked at.
constexpr std::chrono::milliseconds kRankLookInterval{10};

// The signal to pass on. A handler may touch nothing else.
std::atomic<int> received_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

void NoteSignal(int signal) { received_signal.store(signal, std::memory_order_relaxed); }

// Notes SIGTERM and SIGINT while it lives.
class SignalNotes {
 public:
  SignalNotes() {
    received_signal.store(0);
    struct sigaction action {};
    action.sa_handler = NoteSignal;
    ::sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGTERM, &action, &old_term_);
    ::sigaction(SIGINT, &action, &old_int_);
  }
  SignalNotes(const SignalNotes&) = delete;
  SignalNotes& operator=(const SignalNotes&) = delete;
  ~SignalNotes() {
    ::sigaction(SIGTERM, &old_term_, nullptr);
    ::sigaction(SIGINT, &old_int_, nullptr);
  }

 private:
  struct sigaction old_term_;
  struct sigaction old_int_;
};

// The ranks, and what ends them.
class Group {
 public:
  Group(const LocalRanksConfig& config, int restart) : config_(config), restart_(restart) {}

  absl::Status Start();
  // Notes which ranks ended. False once none is left.
  bool Look();
  // Passes a received signal on, and escalates when a deadline has passed.
  void Act();
  absl::Status Result() const { return failure_.value_or(absl::OkStatus()); }
  // Somebody asked for the end.
  bool is_stopped() const { return is_stopped_; }

 private:
  ChildOptions OptionsFor(int rank) const;
  void Fail(int rank, const ExitStatus& exit);
  void SignalAll(int signal);

  const LocalRanksConfig& config_;
  const int restart_;
  bool is_stopped_ = false;
  std::vector<ChildProcess> ranks_;
  std::vector<bool> ended_;
  std::optional<absl::Status> failure_;
  int next_signal_ = 0;  // To be sent at `deadline_`; 0: none.
  Clock::time_point deadline_;
};

ChildOptions Group::OptionsFor(int rank) const {
  const int processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int threads = config_.threads_per_rank > 0 ? config_.threads_per_rank
                                                   : std::max(1, processors / config_.nproc);
  ChildOptions options{.program = config_.program,
                       .arguments = restart_ == 0 ? config_.arguments : config_.restart_arguments,
                       .environment = {}};
  if (config_.hold_signals) options.blocked_signals = {SIGTERM, SIGINT};
  options.environment = {absl::StrCat("RANK=", rank),
                         absl::StrCat("LOCAL_RANK=", rank),
                         absl::StrCat("WORLD_SIZE=", config_.nproc),
                         absl::StrCat("LOCAL_WORLD_SIZE=", config_.nproc),
                         "MASTER_ADDR=127.0.0.1",
                         absl::StrCat("MASTER_PORT=", config_.master_port),
                         absl::StrCat("TORCHELASTIC_RESTART_COUNT=", restart_),
                         absl::StrCat("OMP_NUM_THREADS=", threads),
                         absl::StrCat("MKL_NUM_THREADS=", threads),
                         "MKL_DYNAMIC=FALSE"};
  options.environment.insert(options.environment.end(), config_.environment.begin(),
                             config_.environment.end());
  return options;
}

absl::Status Group::Start() {
  for (int rank = 0; rank < config_.nproc; ++rank) {
    auto child = ChildProcess::Start(OptionsFor(rank));
    SLUICE_RETURN_IF_ERROR(Annotate(child.status(), absl::StrCat("rank ", rank)));
    ranks_.push_back(*std::move(child));
    ended_.push_back(false);
  }
  return absl::OkStatus();
}

bool Group::Look() {
  std::vector<std::pair<int, ExitStatus>> failures;
  for (int rank = 0; rank < config_.nproc; ++rank) {
    if (ended_[rank]) continue;
    const auto exit = ranks_[rank].Wait(std::chrono::milliseconds(0));
    if (!exit.ok()) continue;
    ended_[rank] = true;
    if (!exit->ok()) failures.emplace_back(rank, *exit);
  }
  // Of two that ended between two looks, the killed one is the cause: its peers exit because of it.
  const auto cause = std::find_if(failures.begin(), failures.end(),
                                  [](const auto& failure) { return failure.second.signal != 0; });
  if (!failures.empty()) {
    const auto& [rank, exit] = cause != failures.end() ? *cause : failures.front();
    Fail(rank, exit);
  }
  return std::find(ended_.begin(), ended_.end(), false) != ended_.end();
}

void Group::Fail(int rank, const ExitStatus& exit) {
  if (failure_.has_value()) return;
  failure_ = absl::AbortedError(absl::StrCat("rank ", rank, " of ", config_.nproc, " (process ",
                                             ranks_[rank].pid(), ") ", exit.ToString()));
  spdlog::error("{}; the other ranks have {} ms to end", std::string(failure_->message()),
                config_.grace.count());
  if (next_signal_ == 0) {
    next_signal_ = SIGTERM;
    deadline_ = Clock::now() + config_.grace;
  }
}

void Group::SignalAll(int signal) {
  for (size_t i = 0; i < ranks_.size(); ++i) {
    if (ended_[i]) continue;
    if (signal == SIGKILL) spdlog::warn("rank {} (process {}) hangs: killed", i, ranks_[i].pid());
    if (auto status = ranks_[i].Kill(signal); !status.ok()) {
      spdlog::warn("rank {}: {}", i, std::string(status.message()));
    }
  }
}

void Group::Act() {
  if (const int signal = received_signal.exchange(0); signal != 0) {
    is_stopped_ = true;
    SignalAll(signal);
    if (next_signal_ == 0) {
      next_signal_ = SIGKILL;
      deadline_ = Clock::now() + config_.stop_grace;
    }
  }
  if (next_signal_ == 0 || Clock::now() < deadline_) return;
  SignalAll(next_signal_);
  next_signal_ = SIGKILL;
  deadline_ = Clock::now() + config_.grace;
}

// Runs one group to its end.
absl::Status RunGroup(Group& group) {
  SLUICE_RETURN_IF_ERROR(group.Start());
  while (group.Look()) {
    group.Act();
    std::this_thread::sleep_for(kRankLookInterval);
  }
  return group.Result();
}

}  // namespace

absl::Status RunLocalRanks(const LocalRanksConfig& config) {
  if (config.nproc < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("nproc is ", config.nproc, ", expected at least 1"));
  }
  const SignalNotes notes;
  for (int restart = 0;; ++restart) {
    Group group(config, restart);
    const absl::Status status = RunGroup(group);
    // Only a rank's failure is ABORTED: what cannot be started cannot be started again.
    if (!absl::IsAborted(status) || group.is_stopped() || received_signal != 0) return status;
    if (restart == config.max_restarts) {
      return restart == 0 ? status
                          : absl::AbortedError(absl::StrCat(status.message(), "; given up after ",
                                                            restart, " restarts"));
    }
    spdlog::warn("{}: restart {} of {}", std::string(status.message()), restart + 1,
                 config.max_restarts);
  }
}

}  // namespace sluice::launch
