#include "tests/sidecar/faults/oracle.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "sidecar/wire/counters.h"
#include "sluice/v1/runs.grpc.pb.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/faults/simulated_rank.h"
#include "tests/sidecar/testing/http_client.h"

namespace sluice::sidecar::testing {
namespace {

std::vector<std::vector<std::string>> LinesOf(const std::string& file) {
  std::vector<std::vector<std::string>> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    lines.emplace_back();
    for (std::string word; words >> word;) lines.back().push_back(word);
  }
  return lines;
}

uint64_t Number(const std::string& text) { return std::stoull(text); }

// Value of a metric; -1 if it is not there.
double Metric(const std::string& metrics, const std::string& name) {
  const size_t at = metrics.find("\n" + name + " ");
  return at == std::string::npos ? -1.0 : std::stod(metrics.substr(at + name.size() + 2));
}

void Compare(const std::string& what, double ledger, double oracle,
             std::vector<std::string>& differences) {
  if (ledger == oracle) return;
  differences.push_back(absl::StrCat(what, " is ", ledger, ", the ranks' files have ", oracle));
}

std::vector<std::string> CompareOnce(const std::string& grpc, const std::string& http,
                                     const std::string& run, const std::vector<std::string>& files,
                                     bool relayed) {
  v1::GetRunRequest request;
  request.set_run(run);
  v1::GetRunResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const auto stub =
      v1::Runs::NewStub(grpc::CreateChannel(grpc, grpc::InsecureChannelCredentials()));
  const grpc::Status status = stub->GetRun(&context, request, &response);
  if (!status.ok()) return {absl::StrCat("GetRun: ", status.error_message())};
  Counters sum;
  uint64_t coalesced = 0, most = 0;
  std::vector<std::string> differences;
  for (uint32_t rank = 0; rank < files.size(); ++rank) {
    const uint64_t steps = LastNumber(files[rank], "steps");
    Add(CountersOfRank(rank, steps), sum);
    for (uint64_t step = 1; step <= steps; ++step) coalesced += CoalescedAt(step);
    most = std::max(most, steps);
    const bool known = static_cast<int>(rank) < response.state().ranks_size();
    Compare(absl::StrCat("step of rank ", rank),
            known ? static_cast<double>(response.state().ranks(static_cast<int>(rank)).step()) : -1,
            static_cast<double>(steps), differences);
  }
  const auto ledger = CountersFromProto(response.state().counters(), "counters");
  if (!ledger.ok() || *ledger != sum) {
    differences.push_back(
        absl::StrCat("the ledger's counters have ", ledger.ok() ? ledger->steps : 0, " steps and ",
                     ledger.ok() ? ledger->images_open : 0, " open images, the ranks' files ",
                     sum.steps, " and ", sum.images_open));
  }
  const std::string metrics = HttpGet(http, "/metrics");
  const std::string label = absl::StrCat("{run=\"", run, "\"}");
  Compare("sluice_steps_total", Metric(metrics, "sluice_steps_total" + label),
          static_cast<double>(most), differences);
  const double merged = Metric(metrics, "sluice_telemetry_coalesced_total" + label);
  if (!relayed || merged < static_cast<double>(coalesced)) {
    Compare("sluice_telemetry_coalesced_total", merged, static_cast<double>(coalesced),
            differences);
  }
  return differences;
}

}  // namespace

uint64_t LastNumber(const std::string& file, const std::string& word) {
  uint64_t number = 0;
  for (const auto& line : LinesOf(file)) {
    if (line.size() > 1 && line[0] == word) number = Number(line[1]);
  }
  return number;
}

uint64_t CountLines(const std::string& file, const std::string& word) {
  const auto lines = LinesOf(file);
  return static_cast<uint64_t>(std::count_if(lines.begin(), lines.end(), [&word](const auto& line) {
    return !line.empty() && line[0] == word;
  }));
}

std::vector<std::string> JudgeFile(const std::string& file, bool state_was_lost) {
  std::vector<std::string> faults;
  uint64_t acked = 0, version = 0, epoch = 0, steps = 0;
  for (const auto& line : LinesOf(file)) {
    if (line.empty()) continue;
    if (line[0] == "acked") acked = std::max(acked, Number(line[1]));
    if (line[0] == "directive") version = std::max(version, Number(line[1]));
    if (line[0] == "steps") steps = Number(line[1]);
    if (line[0] != "hello" || line.size() < 4) continue;
    if (Number(line[1]) < acked && !state_was_lost) {
      faults.push_back(absl::StrCat("acknowledged ", acked, ", later only ", line[1], " durable"));
    }
    if (Number(line[2]) < epoch) {
      faults.push_back(absl::StrCat("epoch ", epoch, ", later ", line[2]));
    }
    if (Number(line[3]) < version) {
      faults.push_back(absl::StrCat("directive ", version, " pushed, later ", line[3]));
    }
    acked = Number(line[1]);
    epoch = Number(line[2]);
    version = std::max(version, Number(line[3]));
  }
  if (acked != steps || steps == 0) {
    faults.push_back(absl::StrCat(steps, " steps taken, ", acked, " acknowledged"));
  }
  return faults;
}

std::vector<std::string> JudgeLedger(const std::string& grpc, const std::string& http,
                                     const std::string& run, const std::vector<std::string>& files,
                                     bool relayed) {
  std::vector<std::string> differences;
  // What is said comes a moment after the view that shows it.
  WaitUntil(
      [&] {
        differences = CompareOnce(grpc, http, run, files, relayed);
        return differences.empty();
      },
      std::chrono::seconds(3));
  return differences;
}

}  // namespace sluice::sidecar::testing
