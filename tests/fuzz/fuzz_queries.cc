// What a client asks of a run's history, over gRPC and over HTTP: never more than the limit, in
// order, inside the range that was asked for; its maps; and an operator's threshold, whatever it
// is.
#include <string>

#include "common/directive.h"
#include "common/status.h"
#include "sidecar/http/run_json.h"
#include "sidecar/runs/history.h"
#include "sidecar/wire/check.h"
#include "sidecar/wire/message.h"
#include "tests/fuzz/frames.h"
#include "tests/sidecar/testing/fakes.h"
#include "tests/sidecar/testing/token_map.h"

namespace sluice::sidecar {
namespace {

constexpr uint64_t kSteps = 200;

v1::WorkerMessage MapMessage() {
  v1::WorkerMessage message;
  v1::Identity* identity = message.mutable_identity();
  identity->set_run("r");
  identity->set_lease_epoch(1);
  identity->set_incarnation(1);
  identity->set_seq(kSteps + 1);
  *message.mutable_token_map() = testing::MapOf(kSteps);
  return message;
}

// A run with twenty windows and a map.
testing::Bench MakeBench() {
  testing::Bench bench;
  const Identity rank{"r", 0, 0, 0, 1, 0};
  const auto sink = bench.Greet(rank, testing::HelloOf("i", 1));
  for (uint64_t step = 1; step <= kSteps; ++step) {
    bench.Send(sink, {"r", 0, 0, 0, 1, step}, testing::SnapshotAt(step));
  }
  const auto map = MessageFromProto(MapMessage());
  SLUICE_CHECK(map.ok());
  bench.Send(sink, {"r", 0, 0, 0, 1, kSteps + 1}, map->body);
  return bench;
}

void Query(const v1::GetHistoryRequest& request, const RunView& run) {
  v1::GetHistoryResponse response;
  HistoryToProto(run, request, &response);
  uint64_t former = 0;
  for (const v1::Window& window : response.windows()) {
    SLUICE_CHECK(window.first_step() > former);
    former = window.last_step();
    SLUICE_CHECK(request.last_step() == 0 || window.first_step() <= request.last_step());
    SLUICE_CHECK(window.last_step() >= request.first_step());
  }
  if (request.limit() > 0) {
    SLUICE_CHECK(static_cast<uint64_t>(response.windows_size()) <= request.limit());
  }
}

// As the service does it: checked, then to the engine.
void SetThreshold(const v1::SetThresholdRequest& request, testing::Bench& bench) {
  if (!CheckName("run", request.run()).ok()) return;
  if (!CheckNumber("threshold", request.threshold(), 0.0, 1.0).ok()) return;
  bench.Apply(SetThresholdCommand{request.run(), request.layer(), request.threshold(),
                                  request.reason(), [](const absl::StatusOr<Directive>& made) {
                                    if (!made.ok()) return;
                                    SLUICE_CHECK(ValidateDirective(*made, {testing::kLayer}).ok());
                                  }});
}

}  // namespace
}  // namespace sluice::sidecar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::sidecar;
  static sluice::sidecar::testing::Bench bench = MakeBench();
  const auto run = bench.View();
  const auto frames = sluice::fuzz::SplitFrames(data, size);
  for (const std::string& frame : frames) {
    sluice::v1::GetHistoryRequest history;
    if (history.ParseFromString(frame)) Query(history, *run);
    sluice::v1::SetThresholdRequest threshold;
    if (threshold.ParseFromString(frame)) SetThreshold(threshold, bench);
  }
  if (!frames.empty()) (void)MapsJson(*run, frames[0]);
  if (frames.size() >= 3) (void)HistoryJson(*run, {frames[0], frames[1], frames[2]});
  return 0;
}
