#include "worker/train/report.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace sluice::train {
namespace {

using nlohmann::json;

TEST(Report, HoldsEveryValueUnderItsName) {
  TrainReport report;
  report.run = "a \"run\"";
  report.steps = 40;
  report.last_step = 140;
  report.images = 2560;
  report.seconds = 12.5;
  report.median_step_seconds = 0.25;
  report.longest_step_seconds = 0.5;
  report.activation_rate = 0.3;
  report.work = {40, 2000, 560, 31, 69};
  report.publisher_cpu_seconds = 0.125;
  report.directive_version = 7;
  report.directives_applied = 3;
  report.accuracy_dense = 0.75;
  report.accuracy_gated = 0.5;
  report.eval_activation_rate = 0.26;
  report.savings = {5, 0.5, 0.625, 0.75};
  report.calibration = {{2, 1.5, 0.25, 0.125}};
  report.gradient_bytes = 4096;
  report.communication = {0.25, 0.5, 0.375, 0.125, 0.75, 1024};
  report.checkpoint = "folder/checkpoint";
  report.losses = {2.5, 1.0 / 3.0};
  report.curve = {{20, 6.25, 0.625, std::nullopt}};
  report.flops = 2e12;
  report.probes = {{"old", 400, 1.5, 0.25, 0.75, 1.25}};
  report.probe_seconds = 0.5;
  report.rollbacks = 1;
  report.domains = {{"invert", 0.625}};
  const json j = json::parse(ReportToJson(report));
  EXPECT_EQ(j.at("flops"), 2e12);
  EXPECT_EQ(j.at("probes"), json::parse(R"([{"probe": "old", "images": 400, "loss": 1.5,
      "standard_error": 0.25, "accuracy": 0.75, "baseline_loss": 1.25}])"));
  EXPECT_EQ(j.at("probe_seconds"), 0.5);
  EXPECT_EQ(j.at("rollbacks"), 1);
  EXPECT_EQ(j.at("domains"), json::parse(R"([{"domain": "invert", "accuracy": 0.625}])"));
  EXPECT_EQ(j.at("run"), "a \"run\"");
  EXPECT_EQ(j.at("steps"), 40);
  EXPECT_EQ(j.at("last_step"), 140);
  EXPECT_EQ(j.at("images"), 2560);
  EXPECT_EQ(j.at("seconds"), 12.5);
  EXPECT_EQ(j.at("median_step_seconds"), 0.25);
  EXPECT_EQ(j.at("longest_step_seconds"), 0.5);
  EXPECT_EQ(j.at("activation_rate"), 0.3);
  EXPECT_EQ(j.at("work"), (json{{"steps", 40},
                                {"images_open", 2000},
                                {"images_skipped", 560},
                                {"tokens_open", 31},
                                {"tokens_closed", 69}}));
  EXPECT_EQ(j.at("publisher_cpu_seconds"), 0.125);
  EXPECT_EQ(j.at("directive_version"), 7);
  EXPECT_EQ(j.at("directives_applied"), 3);
  EXPECT_EQ(j.at("accuracy_dense"), 0.75);
  EXPECT_EQ(j.at("accuracy_gated"), 0.5);
  EXPECT_EQ(j.at("eval_activation_rate"), 0.26);
  EXPECT_EQ(j.at("savings"),
            (json{{"measurements", 5}, {"time", 0.5}, {"flops", 0.625}, {"bytes", 0.75}}));
  EXPECT_EQ(j.at("calibration"), nlohmann::json::parse(R"([{"layer": 2, "temperature": 1.5,
      "error_before": 0.25, "error_after": 0.125}])"));
  EXPECT_EQ(j.at("gradient_bytes"), 4096);
  EXPECT_EQ(j.at("communication"), json::parse(R"({"own_seconds": 0.25, "backward_seconds": 0.5,
      "communication_seconds": 0.375, "exposed_seconds": 0.125, "hidden": 0.75, "bytes": 1024.0})"));
  EXPECT_EQ(j.at("checkpoint"), "folder/checkpoint");
  EXPECT_EQ(j.at("losses"), (json{2.5, 1.0 / 3.0})) << "exact";
  ASSERT_EQ(j.at("curve").size(), 1u);
  EXPECT_EQ(j.at("curve")[0], (json{{"step", 20},
                                    {"seconds", 6.25},
                                    {"accuracy_dense", 0.625},
                                    {"accuracy_gated", nullptr}}));
  EXPECT_EQ(j.size(), 27u);
}

TEST(Report, WhatWasNotMeasuredIsNull) {
  const json j = json::parse(ReportToJson({}));
  EXPECT_TRUE(j.at("accuracy_dense").is_null());
  EXPECT_TRUE(j.at("accuracy_gated").is_null());
  EXPECT_EQ(j.at("losses"), json::array());
  EXPECT_EQ(j.at("curve"), json::array());
}

// A run may be named by bytes that are no text, and may diverge: its report is JSON all the same.
TEST(Report, IsJsonWhateverTheRunWas) {
  TrainReport report;
  report.run = "caf\xe9";
  report.checkpoint = "runs/\xff\xfe/checkpoint";
  report.losses = {std::numeric_limits<double>::quiet_NaN(),
                   std::numeric_limits<double>::infinity()};
  const json j = json::parse(ReportToJson(report), nullptr, false);
  ASSERT_TRUE(j.is_object());
  EXPECT_EQ(j.at("losses"), (json{nullptr, nullptr}));
}

}  // namespace
}  // namespace sluice::train
