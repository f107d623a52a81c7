#include "sidecar/bench/bench.h"

#include <grpcpp/grpcpp.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/bench/child.h"
#include "sidecar/bench/load_stream.h"
#include "sidecar/bench/merge.h"
#include "sidecar/bench/report.h"
#include "sidecar/bench/slow_scrapers.h"
#include "sidecar/wire/counters.h"
#include "sluice/v1/runs.grpc.pb.h"

namespace sluice::sidecar {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr char kRun[] = "bench";
// How far a rank may be ahead of the slowest one where no rate is given: collectives keep real ones
// together.
constexpr uint64_t kAhead = 16;
constexpr std::chrono::seconds kPatience{60};

// A connection each for thousands of ranks, on both sides: children inherit the limit.
void AllowManyFiles() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

class Bench {
 public:
  Bench(const BenchOptions& options, std::string program)
      : options_(options),
        program_(std::move(program)),
        state_(static_cast<uint32_t>(options.ranks), static_cast<uint64_t>(options.in_flight)) {}
  ~Bench() {
    for (const auto& stream : streams_) stream->Close();
    if (!temporary_.empty()) std::filesystem::remove_all(temporary_);
  }

  absl::Status Run(Report& report) {
    SLUICE_RETURN_IF_ERROR(StartSidecar());
    const uint64_t before = Resident();
    SLUICE_RETURN_IF_ERROR(OpenStreams());
    report.Add("ranks", static_cast<double>(options_.ranks));
    report.Add("message_bytes", static_cast<double>(MessageBytes()));
    if (sidecar_ != nullptr) {
      report.Add("memory_per_stream_bytes",
                 (static_cast<double>(Resident()) - static_cast<double>(before)) /
                     static_cast<double>(streams_.size()));
    }
    SLUICE_RETURN_IF_ERROR(Load(report));
    return CheckLedger(report);
  }

 private:
  uint64_t Resident() const { return sidecar_ == nullptr ? 0 : sidecar_->ResidentBytes(); }

  uint64_t MessageBytes() const {
    LoadState alone(1, 1);
    LoadRank rank(kRun, 0, &alone);
    v1::SidecarMessage reply;
    reply.mutable_hello_reply()->set_lease_epoch(1);
    rank.Next();
    rank.Hear(reply);
    alone.allowed = 1;
    return rank.Next()->ByteSizeLong();
  }

  absl::Status StartSidecar() {
    std::string folder = options_.folder;
    if (folder.empty()) {
      temporary_ = std::filesystem::temp_directory_path() / "sluice-bench-XXXXXX";
      if (::mkdtemp(temporary_.data()) == nullptr) return absl::ErrnoToStatus(errno, temporary_);
      folder = temporary_;
    }
    address_ = options_.target;
    if (address_.empty()) {
      SLUICE_ASSIGN_OR_RETURN(sidecar_,
                              Child::Start(program_, folder, "sidecar",
                                           {"--state", folder + "/state", "--log.level", "warn",
                                            "--limits.messages-per-second", "1e9"}));
      address_ = sidecar_->grpc();
    }
    return absl::OkStatus();
  }

  absl::Status OpenStreams() {
    const auto begin = Clock::now();
    for (uint32_t rank = 0; rank < state_.ranks; ++rank) {
      streams_.push_back(std::make_unique<LoadStream>(address_, kRun, rank, &state_));
    }
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
    const double passed = Seconds(Clock::now() - begin).count();
    if (options_.rate > 0.0) {
      state_.allowed = static_cast<uint64_t>(passed * options_.rate / state_.ranks);
    } else {
      uint64_t slowest = UINT64_MAX;
      for (const auto& stream : streams_) slowest = std::min(slowest, stream->Acked());
      state_.allowed = slowest + kAhead;
    }
    for (const auto& stream : streams_) stream->Pump();
  }

  absl::Status Load(Report& report) {
    std::optional<SlowScrapers> scrapers;
    if (options_.scrapers > 0) {
      scrapers.emplace(sidecar_->http(), static_cast<int>(options_.scrapers));
    }
    const std::string before = Scrape();
    const double cpu = sidecar_ == nullptr ? 0.0 : sidecar_->CpuSeconds();
    const auto begin = Clock::now();
    while (Seconds(Clock::now() - begin).count() < options_.seconds) {
      Tick(begin);
      std::this_thread::sleep_for(std::chrono::milliseconds(options_.rate > 0.0 ? 1 : 2));
    }
    const uint64_t acked = state_.acked;
    const double seconds = Seconds(Clock::now() - begin).count();
    report.Add("seconds", seconds);
    report.Add("snapshots_per_second", static_cast<double>(acked) / seconds);
    if (sidecar_ != nullptr) {
      report.Add("sidecar_processors", (sidecar_->CpuSeconds() - cpu) / seconds);
      report.Add("sidecar_memory_bytes", static_cast<double>(Resident()));
      const auto commit = [&, after = Scrape()](double q) {
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
    return absl::OkStatus();
  }

  std::string Scrape() const {
    return sidecar_ == nullptr ? "" : Get(sidecar_->http(), "/metrics").value_or("");
  }

  // All that was sent becomes durable, and the ledger says the same as the ranks.
  absl::Status CheckLedger(Report& report) {
    Counters sent;
    for (const auto& stream : streams_) stream->AddSent(sent);
    const auto begin = Clock::now();
    while (state_.acked < sent.steps && Clock::now() - begin < kPatience) {
      for (const auto& stream : streams_) stream->Pump();
      sent = {};
      for (const auto& stream : streams_) stream->AddSent(sent);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const auto stub =
        v1::Runs::NewStub(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::GetRunRequest request;
    request.set_run(kRun);
    v1::GetRunResponse response;
    const grpc::Status status = stub->GetRun(&context, request, &response);
    if (!status.ok()) return absl::UnavailableError(status.error_message());
    SLUICE_ASSIGN_OR_RETURN(const Counters ledger,
                            CountersFromProto(response.state().counters(), "counters"));
    report.Add("snapshots", static_cast<double>(sent.steps));
    report.Add("refused", static_cast<double>(state_.refused));
    report.Add("ledger", ledger == sent ? "exact" : "WRONG");
    if (ledger == sent && state_.refused == 0) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("the ledger has ", ledger.steps, " steps, the ranks have done ", sent.steps,
                     "; ", state_.refused.load(), " messages were refused"));
  }

  const BenchOptions options_;
  const std::string program_;
  LoadState state_;
  std::string temporary_;
  std::string address_;
  std::unique_ptr<Child> sidecar_;
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
    status = Bench(options, program).Run(report);
  }
  SLUICE_RETURN_IF_ERROR(report.Print(options.json));
  return status;
}

}  // namespace sluice::sidecar
