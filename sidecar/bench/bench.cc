#include "sidecar/bench/bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/bench/fleet.h"
#include "sidecar/bench/ledger.h"
#include "sidecar/bench/load_stream.h"
#include "sidecar/bench/merge.h"
#include "sidecar/bench/report.h"
#include "sidecar/bench/slow_scrapers.h"

namespace sluice::sidecar {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr char kRun[] = "bench";
// How far a rank may be ahead of the slowest one: collectives keep real ones together. Less than
// two windows, so that none closes before all ranks are there.
constexpr uint64_t kAhead = 16;
// For answers to Hello, and without a further acknowledgement at the end.
constexpr std::chrono::seconds kPatience{120};

// A connection each for thousands of ranks, on both sides: children inherit the limit.
void AllowManyFiles() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t MessageBytes() {
  LoadState alone(1, 1);
  LoadRank rank(kRun, 0, &alone);
  v1::SidecarMessage reply;
  reply.mutable_hello_reply()->set_lease_epoch(1);
  rank.Next();
  rank.Hear(reply);
  alone.allowed = 1;
  return rank.Next()->ByteSizeLong();
}

class Bench {
 public:
  explicit Bench(const BenchOptions& options)
      : options_(options),
        // A look at each rank takes its time, too.
        round_(std::clamp<int64_t>(options.ranks / 500, options.rate > 0.0 ? 1 : 2, 20)),
        state_(static_cast<uint32_t>(options.ranks), static_cast<uint64_t>(options.in_flight)) {}
  ~Bench() {
    for (const auto& stream : streams_) stream->Close();
  }

  absl::Status Run(const std::string& program, Report& report) {
    SLUICE_ASSIGN_OR_RETURN(fleet_, Fleet::Start(options_, program));
    SLUICE_RETURN_IF_ERROR(OpenStreams());
    report.Add("ranks", static_cast<double>(options_.ranks));
    if (options_.relays > 0) {
      report.Add("relays", static_cast<double>(options_.relays));
      report.Add("relay_processes", static_cast<double>(options_.relay_processes));
    }
    report.Add("message_bytes", static_cast<double>(MessageBytes()));
    fleet_->ReportStreams(options_.relays > 0 ? options_.relays : options_.ranks, report);
    Load(report);
    const absl::Status ledger = Judge(report);
    report.Add("ledger", ledger.ok() ? "exact" : "WRONG");
    fleet_->ReportPeaks(state_.ranks, ranks_of_relay_, report);
    return ledger;
  }

 private:
  // Ranks of the relays, as evenly as they can be; or each for itself.
  void OpenRanks() {
    uint32_t rank = 0;
    for (int64_t i = 0; i < options_.relays; ++i) {
      const auto end = static_cast<uint32_t>(options_.ranks * (i + 1) / options_.relays);
      if (i < options_.relay_processes) {
        const std::string& relay = fleet_->relays()[static_cast<size_t>(i)]->grpc();
        ranks_of_relay_.push_back(end - rank);
        for (; rank < end; ++rank) streams_.push_back(OpenRank(relay, kRun, rank, &state_));
      } else {
        streams_.push_back(OpenRelay(fleet_->address(), kRun, rank, end - rank, &state_));
        rank = end;
      }
    }
    for (; rank < state_.ranks; ++rank) {
      streams_.push_back(OpenRank(fleet_->address(), kRun, rank, &state_));
    }
  }

  absl::Status OpenStreams() {
    const auto begin = Clock::now();
    OpenRanks();
    while (state_.greeted < state_.ranks) {
      if (Clock::now() - begin > kPatience || state_.refused > 0) {
        return absl::DeadlineExceededError(absl::StrCat(state_.greeted.load(), " of ", state_.ranks,
                                                        " ranks have an answer to Hello"));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return absl::OkStatus();
  }

  // Leave to step on, and a push for streams that had to wait for it.
  void Tick(Clock::time_point begin) {
    uint64_t slowest = UINT64_MAX;
    for (const auto& stream : streams_) {
      stream->Visit([&](const LoadRank& rank) { slowest = std::min(slowest, rank.acked()); });
    }
    uint64_t allowed = slowest + kAhead;
    if (options_.rate > 0.0) {
      const double passed = Seconds(Clock::now() - begin).count();
      allowed = std::min(allowed, static_cast<uint64_t>(passed * options_.rate / state_.ranks));
    }
    state_.allowed = allowed;
    for (const auto& stream : streams_) stream->Pump();
  }

  void Load(Report& report) {
    const Child* sidecar = fleet_->sidecar();
    std::optional<SlowScrapers> scrapers;
    if (options_.scrapers > 0) {
      scrapers.emplace(sidecar->http(), static_cast<int>(options_.scrapers));
    }
    const std::string before = fleet_->Scrape();
    const double cpu = sidecar == nullptr ? 0.0 : sidecar->CpuSeconds();
    const auto begin = Clock::now();
    while (Seconds(Clock::now() - begin).count() < options_.seconds) {
      Tick(begin);
      std::this_thread::sleep_for(round_);
    }
    const uint64_t acked = state_.acked;
    const double seconds = Seconds(Clock::now() - begin).count();
    state_.allowed = 0;
    report.Add("seconds", seconds);
    report.Add("snapshots_per_second", static_cast<double>(acked) / seconds);
    if (sidecar != nullptr) {
      report.Add("sidecar_processors", (sidecar->CpuSeconds() - cpu) / seconds);
      report.Add("sidecar_memory_bytes", static_cast<double>(sidecar->ResidentBytes()));
      const auto commit = [&, after = fleet_->Scrape()](double q) {
        return 1e3 * HistogramQuantile(before, after, "sluice_commit_seconds", q);
      };
      report.Add("commit_p50_ms", commit(0.5));
      report.Add("commit_p99_ms", commit(0.99));
    }
    const std::vector<double> latencies = state_.TakeLatencies();
    report.Add("directives", static_cast<double>(latencies.size()));
    report.Add("directive_p50_ms", Quantile(latencies, 0.5));
    report.Add("directive_p99_ms", Quantile(latencies, 0.99));
    if (scrapers.has_value()) {
      scrapers->Stop();
      report.Add("healthy_scrapes", static_cast<double>(scrapers->healthy().size()));
      report.Add("healthy_scrape_worst_ms", Quantile(scrapers->healthy(), 1.0));
    }
  }

  LoadDone Done() const {
    LoadDone done(state_.ranks);
    for (const auto& stream : streams_) {
      stream->Visit([&](const LoadRank& rank) { done.Add(rank); });
    }
    return done;
  }

  // All that was sent becomes durable, and the ledger says the same as the ranks.
  absl::Status Judge(Report& report) {
    LoadDone done = Done();
    uint64_t acked = state_.acked;
    for (auto since = Clock::now(); acked < done.counters().steps;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (state_.acked == acked && Clock::now() - since > kPatience) break;
      if (state_.acked != acked) since = Clock::now();
      acked = state_.acked;
      done = Done();
    }
    report.Add("snapshots", static_cast<double>(done.counters().steps));
    report.Add("refused", static_cast<double>(state_.refused));
    if (state_.refused > 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(state_.refused.load(), " messages were refused"));
    }
    if (acked != done.counters().steps) {
      return absl::DeadlineExceededError(
          absl::StrCat("of ", done.counters().steps, " snapshots ", acked, " were acknowledged"));
    }
    SLUICE_RETURN_IF_ERROR(CheckLedger(fleet_->address(), kRun, done));
    return fleet_->CheckMerged(kRun, report);
  }

  const BenchOptions options_;
  const std::chrono::milliseconds round_;
  LoadState state_;
  std::unique_ptr<Fleet> fleet_;
  std::vector<uint64_t> ranks_of_relay_;  // Of those that are processes.
  std::vector<std::unique_ptr<LoadStream>> streams_;
};

}  // namespace

absl::Status RunBench(const BenchOptions& options, const std::string& program) {
  AllowManyFiles();
  Report report;
  absl::Status status;
  if (options.what == "merge") {
    BenchMerge(options, report);
  } else {
    status = Bench(options).Run(program, report);
  }
  SLUICE_RETURN_IF_ERROR(report.Print(options.json));
  return status;
}

}  // namespace sluice::sidecar
