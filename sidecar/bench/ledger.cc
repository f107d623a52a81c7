#include "sidecar/bench/ledger.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/wire/counters.h"
#include "sluice/v1/runs.grpc.pb.h"

namespace sluice::sidecar {
namespace {

constexpr std::chrono::seconds kLedgerPatience{30};
constexpr uint32_t kMostWindows = 2000;
// One snapshot of 100,000 ranks that goes into the next window moves a mean by 4e-7.
constexpr double kRounding = 1e-9;

// A member of the counters that differs, for people.
std::string Difference(const Counters& ledger, const Counters& done) {
  if (ledger.steps != done.steps) {
    return absl::StrCat("the ledger has ", ledger.steps, " steps, the ranks have done ",
                        done.steps);
  }
  if (ledger.images_open != done.images_open) {
    return absl::StrCat("the ledger has ", ledger.images_open, " open images, the ranks ",
                        done.images_open);
  }
  return "the ledger's steps are those of the ranks, other counters are not";
}

absl::Status CompareWindow(const v1::Window& window) {
  const Counters counts =
      Subtract(LoadCounters(window.last_step()), LoadCounters(window.first_step() - 1));
  const LayerCounters& layer = counts.layers[0];
  const auto tokens = static_cast<double>(layer.tokens_open + layer.tokens_closed);
  const double mean = static_cast<double>(layer.score_sum_micro) * 1e-6 / tokens;
  const double rate = static_cast<double>(layer.tokens_open) / tokens;
  if (window.coverage() == 1.0 && window.layers_size() == 1 &&
      std::abs(window.layers(0).score_mean() - mean) <= kRounding &&
      std::abs(window.layers(0).activation_rate() - rate) <= kRounding) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the window of steps ", window.first_step(), " to ", window.last_step(), " has coverage ",
      window.coverage(), " and a mean score of ",
      window.layers_size() == 1 ? window.layers(0).score_mean() : 0.0, ", the ranks have ", mean));
}

}  // namespace

void LoadDone::Add(const LoadRank& rank) {
  if (rank.sent() > 0) sluice::Add(LoadCounters(rank.sent()), counters_);
  steps_.at(rank.rank()) = rank.sent();
}

absl::Status CompareRun(const v1::RunState& run, const LoadDone& done) {
  SLUICE_ASSIGN_OR_RETURN(const Counters ledger, CountersFromProto(run.counters(), "counters"));
  if (ledger != done.counters()) {
    return absl::FailedPreconditionError(Difference(ledger, done.counters()));
  }
  if (static_cast<size_t>(run.ranks_size()) != done.steps().size()) {
    return absl::FailedPreconditionError(absl::StrCat("the ledger has ", run.ranks_size(),
                                                      " ranks, there are ", done.steps().size()));
  }
  for (const v1::RankState& rank : run.ranks()) {
    const uint64_t steps = rank.rank() < done.steps().size() ? done.steps()[rank.rank()] : 0;
    if (rank.step() == steps) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "the ledger has rank ", rank.rank(), " at step ", rank.step(), ", it is at ", steps));
  }
  return absl::OkStatus();
}

absl::Status CompareWindows(const v1::GetHistoryResponse& history, const LoadDone& done) {
  const uint64_t slowest = *std::min_element(done.steps().begin(), done.steps().end());
  uint64_t length = LoadState::kWindow;
  uint64_t end = 0;
  for (const v1::Window& window : history.windows()) {
    if (end > 0 && window.first_step() != end + 1) {
      return absl::FailedPreconditionError(
          absl::StrCat("no window begins after step ", end, ", the next at ", window.first_step()));
    }
    end = window.last_step();
    if (window.merged() > 1) continue;
    SLUICE_RETURN_IF_ERROR(CompareWindow(window));
    length = window.last_step() - window.first_step() + 1;
  }
  if (end == slowest / length * length) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the last window ends at step ", end,
                                                    ", all ranks have reached step ", slowest));
}

absl::Status CheckLedger(const std::string& address, const std::string& run, const LoadDone& done) {
  const auto stub =
      v1::Runs::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  const auto deadline = std::chrono::system_clock::now() + kLedgerPatience;
  v1::GetRunRequest request;
  request.set_run(run);
  v1::GetRunResponse response;
  grpc::ClientContext first;
  first.set_deadline(deadline);
  grpc::Status status = stub->GetRun(&first, request, &response);
  if (!status.ok()) return absl::UnavailableError(status.error_message());
  SLUICE_RETURN_IF_ERROR(CompareRun(response.state(), done));
  v1::GetHistoryRequest windows;
  windows.set_run(run);
  windows.set_limit(kMostWindows);
  v1::GetHistoryResponse history;
  grpc::ClientContext second;
  second.set_deadline(deadline);
  status = stub->GetHistory(&second, windows, &history);
  if (!status.ok()) return absl::UnavailableError(status.error_message());
  return CompareWindows(history, done);
}

}  // namespace sluice::sidecar
