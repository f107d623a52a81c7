#include "sidecar/bench/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/file.h"
#include "sidecar/bench/load_stream.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

nlohmann::json JsonOf(const Report& report) {
  const TemporaryFolder folder;
  EXPECT_TRUE(report.Print(folder.path() + "/r.json").ok());
  return nlohmann::json::parse(ReadFile(folder.path() + "/r.json").value_or("{}"));
}

TEST(Fleet, HasASidecarAndItsRelaysAndSaysWhatTheyHold) {
  const TemporaryFolder folder;
  BenchOptions options;
  options.folder = folder.path();
  options.relays = 3;
  options.relay_processes = 2;
  auto fleet = Fleet::Start(options, SLUICE_SIDECAR_BINARY);
  ASSERT_TRUE(fleet.ok()) << fleet.status();
  ASSERT_EQ((*fleet)->relays().size(), 2u);
  EXPECT_EQ((*fleet)->address(), (*fleet)->sidecar()->grpc());
  EXPECT_THAT((*fleet)->Scrape(), HasSubstr("sluice_build_info"));
  Report report;
  (*fleet)->ReportStreams(2, report);
  (*fleet)->ReportPeaks(4, {2, 2}, report);
  const auto json = JsonOf(report);
  EXPECT_GT(json.at("sidecar_peak_bytes"), 1e6);
  EXPECT_GT(json.at("relay_peak_bytes"), 1e6);
  EXPECT_TRUE(json.contains("memory_per_stream_bytes"));
  EXPECT_TRUE(json.contains("memory_per_rank_bytes"));
  EXPECT_TRUE(json.contains("relay_memory_per_rank_bytes"));
  const std::string http = (*fleet)->sidecar()->http();
  fleet->reset();
  EXPECT_FALSE(Get(http, "/metrics").ok());
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/state")) << "the folder is the caller's";
}

TEST(Fleet, WhatTheRelaysMergeIsInTheLedger) {
  BenchOptions options;
  options.relays = options.relay_processes = 1;
  auto fleet = Fleet::Start(options, SLUICE_SIDECAR_BINARY);
  ASSERT_TRUE(fleet.ok()) << fleet.status();
  LoadState state(1, 64);
  const auto rank = OpenRank((*fleet)->relays()[0]->grpc(), "bench", 0, &state);
  state.allowed = 45;
  EXPECT_TRUE(WaitUntil([&] {
    rank->Pump();
    return state.acked == 45;
  }));
  Report report;
  EXPECT_EQ((*fleet)->CheckMerged("bench", report), absl::OkStatus());
  EXPECT_GT(JsonOf(report).at("relays_merged"), 0.0);
  rank->Close();
}

TEST(Fleet, ATargetIsNotStartedAndNotAsked) {
  const TemporaryFolder folder;
  testing::SidecarProcess sidecar(folder.path() + "/state");
  BenchOptions options;
  options.target = sidecar.grpc();
  auto fleet = Fleet::Start(options, SLUICE_SIDECAR_BINARY);
  ASSERT_TRUE(fleet.ok()) << fleet.status();
  EXPECT_EQ((*fleet)->sidecar(), nullptr);
  EXPECT_EQ((*fleet)->address(), sidecar.grpc());
  EXPECT_EQ((*fleet)->Scrape(), "");
  Report report;
  (*fleet)->ReportStreams(1, report);
  (*fleet)->ReportPeaks(1, {}, report);
  EXPECT_TRUE((*fleet)->CheckMerged("bench", report).ok());
  EXPECT_EQ(JsonOf(report).size(), 0u);
}

TEST(Fleet, OneThatDoesNotStartSaysWhy) {
  const TemporaryFolder folder;
  BenchOptions options;
  options.folder = folder.path() + "/nowhere";
  EXPECT_FALSE(Fleet::Start(options, SLUICE_SIDECAR_BINARY).ok());
}

TEST(SampleOf, IsTheValueOfThatVerySample) {
  const std::string scrape = "# HELP a x\na 1\naa 2\na{b=\"c\"} 3e3\n";
  EXPECT_EQ(SampleOf(scrape, "a"), 1u);
  EXPECT_EQ(SampleOf(scrape, "aa"), 2u);
  EXPECT_EQ(SampleOf(scrape, "a{b=\"c\"}"), 3000u);
  EXPECT_EQ(SampleOf(scrape, "b"), 0u);
}

}  // namespace
}  // namespace sluice::sidecar
