#include "sidecar/store/record_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

RunRecord FullRun() {
  RunRecord run;
  run.run = "r";
  run.world_size = 3;
  run.epoch = 4;
  run.holder = "i";
  run.generation = 5;
  run.work_base = 6;
  run.generation_start = 7;
  run.generation_max = 8;
  run.window_end = 9;
  run.version = 10;
  run.activity = ~uint64_t{0};
  run.coverage = 1.0 / 3.0;
  run.trigger_ratio = 0.1 + 0.2;
  run.gates = {{2, "head", "threshold", 0.3, 0.25}};
  LayerSteering layer{2, 0.1, 0.2, 11, 0.3, {}, 0.4, 0.5, 0.6};
  layer.ema_weights[63] = 5e-324;
  run.steering = {layer};
  run.newest = {12, 0.1, 0.2, std::nullopt, 0.4, 1e300, 1e-300, 0.7, true, {0.3}, -0.75};
  run.probes = {{"old", {20, -0.01, 0.03, 4, 5}}};
  run.breaker = {3, 1, 30, "why", {{"old", {20, 2, 1, 10}}}, true};
  run.alerts = {{{"lost_rank", "gone", 7}},
                {{10, {0.4, 0.5}}},
                8,
                9,
                10,
                11,
                12,
                "refused",
                13,
                14,
                "loss is nan",
                "disk full"};
  run.in_force = Directive{};
  run.in_force->version = 10;
  run.in_force->layers = {{2, 0.35, 0.25}};
  run.in_force->group_scales = {{"head.1", 2.5}};
  run.in_force->breaker_action = BreakerAction::kRehearse;
  run.in_force->reason = "because \"so\"\n";
  return run;
}

TEST(RecordJson, EveryFieldComesBack) {
  const RunRecord run = FullRun();
  const auto read = RunFromJson(RunToJson(run));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, run);
  WindowRecord window{"r", 5, 2, 1, 10, 0.75, {{2, 0.3, 0.25, 0.1, 0.2, 0.3, 0.4}}, 7, "why", 1.5};
  EXPECT_EQ(*WindowFromJson(WindowToJson(window)), window);
}

TEST(RecordJson, WhatAnOlderRowLacksKeepsItsDefault) {
  const auto run = RunFromJson(R"({"run": "r", "version": 3, "newest": {"step": 5}})");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->version, 3u);
  EXPECT_EQ(run->coverage, 1.0);
  EXPECT_EQ(run->newest.step, 5u);
  EXPECT_FALSE(run->newest.loss.has_value());
  EXPECT_FALSE(run->newest.compute_saved_ratio.has_value());
}

TEST(RecordJson, ProbesOfAnOlderRowKeepTheirRise) {
  const auto run = RunFromJson(R"({"run": "r", "probe_deltas": {"old": 0.03}})");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->probes.at("old"), (ProbeState{0, 0.03, kProbeLimit, 0, 0}));
  EXPECT_EQ(run->breaker, BreakerState{});
  EXPECT_EQ(run->alerts, AlertState{});
  EXPECT_EQ(RunFromJson(R"({"probe_deltas": 7})").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RecordJson, WhatIsNoSuchBodyIsDataLoss) {
  auto without_steering = nlohmann::json::parse(RunToJson(FullRun()));
  without_steering.erase("steering");
  for (const std::string& text : {std::string(""), std::string("[]"),
                                  std::string(R"({"version": "many"})"), without_steering.dump()}) {
    EXPECT_EQ(RunFromJson(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
  EXPECT_THAT(std::string(RunFromJson(without_steering.dump()).status().message()),
              HasSubstr("1 gates but 0 policy states"));
  EXPECT_EQ(WindowFromJson("{").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RecordJson, TextThatIsNoUtf8IsWrittenAllTheSame) {
  RunRecord run = FullRun();
  run.holder = "a\xff";
  EXPECT_TRUE(RunFromJson(RunToJson(run)).ok());
}

}  // namespace
}  // namespace sluice::sidecar
