// A sidecar that is absent, killed or stopped costs a run nothing: it ends with 0 and never waits.
#include <gtest/gtest.h>

#include <csignal>

#include "absl/strings/str_cat.h"
#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {
namespace {

constexpr int kStallSeconds = 8;

launch::SidecarProcess StartSidecar(const std::string& state) {
  launch::SidecarOptions options;
  options.state = state;
  auto sidecar = launch::SidecarProcess::Start(options);
  EXPECT_TRUE(sidecar.ok()) << sidecar.status();
  return *std::move(sidecar);
}

// Runs with the sidecar at `address`; `disturb` is called after the 10th step.
void ExpectFinishes(const std::string& folder, const std::string& address,
                    const std::function<void()>& disturb) {
  const Options options =
      With(SmallRun(folder), {{"sidecar", address},
                              {"train.steps", "150"},
                              {"checkpoint.every", "10"},
                              {"telemetry.stall_seconds", absl::StrCat(kStallSeconds)}});
  launch::ChildProcess worker = StartWorker("train", options, folder + "/log");
  ASSERT_TRUE(WaitForText(folder + "/checkpoint-00000010.safetensors", "counters"));
  disturb();
  const auto exit = worker.Wait(std::chrono::minutes(2));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_TRUE(exit->ok()) << ReadFile(folder + "/log").value_or("");
  const nlohmann::json report = ReadJson(folder + "/report.json");
  EXPECT_EQ(report.at("steps"), 150);
  // A step that waited for the sidecar would wait for the stall time at least. A step on a busy
  // machine may take a second and more, so that time is well above.
  EXPECT_LT(report.at("longest_step_seconds").get<double>(), 0.75 * kStallSeconds);
}

TEST(SidecarLossTest, Absent) {
  const std::string folder = FreshFolder("run");
  ExpectFinishes(folder, "127.0.0.1:9", [] {});
}

TEST(SidecarLossTest, Killed) {
  const std::string folder = FreshFolder("run");
  launch::SidecarProcess sidecar = StartSidecar(folder + "/state");
  ExpectFinishes(folder, sidecar.grpc().ToString(),
                 [&] { EXPECT_TRUE(sidecar.process().Kill(SIGKILL).ok()); });
}

TEST(SidecarLossTest, Stopped) {
  const std::string folder = FreshFolder("run");
  launch::SidecarProcess sidecar = StartSidecar(folder + "/state");
  ExpectFinishes(folder, sidecar.grpc().ToString(),
                 [&] { EXPECT_TRUE(sidecar.process().Kill(SIGSTOP).ok()); });
}

}  // namespace
}  // namespace sluice::e2e
