// Dormant groups over a real worker and a real sidecar: the counts that reach it are the
// optimizer's, and its scales come back into force.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "tests/worker/e2e/scrape.h"
#include "tests/worker/e2e/worker_process.h"
#include "worker/telemetry/decision_log.h"
#include "worker/tensors/safetensors_file.h"

namespace sluice::e2e {
namespace {

constexpr double kBelow = 0.4;
constexpr int kWindow = 10;

// How often each group was updated up to the checkpoint of `step`.
std::map<std::string, int> GroupSteps(const std::string& folder, int step) {
  char name[64];
  std::snprintf(name, sizeof(name), "/checkpoint-%08d.safetensors", step);
  const auto file = tensors::SafetensorsFile::Open(folder + name);
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return {};
  for (const auto& [key, value] : file->metadata()) {
    const auto state = nlohmann::json::parse(value, nullptr, false);
    if (state.is_object() && state.contains("group_steps"))
      return state["group_steps"].get<std::map<std::string, int>>();
  }
  return {};
}

// The scales of a window by the formula, from two checkpoints at its ends.
std::map<std::string, double> ScalesByHand(const std::string& folder, int last) {
  std::map<std::string, int> before;
  if (last > kWindow) before = GroupSteps(folder, last - kWindow);
  std::map<std::string, double> scales;
  for (const auto& [group, steps] : GroupSteps(folder, last)) {
    const double share = static_cast<double>(steps - before[group]) / kWindow;
    if (share > 0.0 && share < kBelow) scales[group] = std::min(5.0, kBelow / share);
  }
  return scales;
}

TEST(Dormant, ScalesInForceAreThoseOfTheCheckpointsCounts) {
  const std::string run = FreshFolder("run");
  launch::SidecarOptions options;
  options.state = run + "/state";
  options.listen = "127.0.0.1:0";
  options.log = run + "/sidecar.log";
  options.arguments = {"--dormant.below", absl::StrCat(kBelow)};
  auto sidecar = launch::SidecarProcess::Start(options);
  ASSERT_TRUE(sidecar.ok()) << sidecar.status();
  // Half of the heads and MLPs change in a step, drawn anew for each.
  const Outcome outcome =
      RunWorker("train",
                With(SmallRun(run), {{"sidecar", sidecar->grpc().ToString()},
                                     {"run.name", "dormant"},
                                     {"gate.mode", "dense"},
                                     {"footprint.rate", "0.25"},
                                     {"footprint.scorer", "random"},
                                     {"footprint.every", "1"},
                                     {"dormant.window", absl::StrCat(kWindow)},
                                     {"checkpoint.every", absl::StrCat(kWindow)},
                                     {"checkpoint.keep", "100"}}),
                run + "/log");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const auto decisions = telemetry::ReadDecisionLog(run + "/decisions.jsonl");
  ASSERT_TRUE(decisions.ok()) << decisions.status();
  int compared = 0;
  std::optional<Directive> last;
  for (const telemetry::DecisionEntry& entry : *decisions) {
    std::map<std::string, double> found;
    for (const GroupScale& scale : entry.directive.group_scales) found[scale.group] = scale.scale;
    const auto expected = ScalesByHand(run, static_cast<int>(entry.directive.based_on_step));
    ASSERT_EQ(found.size(), expected.size()) << entry.directive.reason;
    for (const auto& [group, scale] : expected) EXPECT_NEAR(found[group], scale, 1e-9) << group;
    compared += static_cast<int>(expected.size());
    last = entry.directive;
  }
  EXPECT_GE(compared, 3) << "nothing was dormant: the test compares nothing";
  // The last window's counts come after the last step: the sidecar may be one directive ahead.
  const auto expected = ScalesByHand(run, 60);
  const auto samples = Scrape(sidecar->http());
  EXPECT_EQ(samples.at("sluice_dormant_groups{run=\"dormant\"}"),
            static_cast<double>(expected.size()));
}

}  // namespace
}  // namespace sluice::e2e
