#include "sidecar/http/run_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "tests/common/says.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// A run of one rank with four closed windows of ten steps.
class RunJsonTest : public ::testing::Test {
 protected:
  RunJsonTest() {
    auto sink = bench_.Greet({"r", 0, 0, 0, 1, 0}, testing::HelloOf("i", 1));
    for (uint64_t step = 1; step <= 40; ++step) {
      bench_.Send(sink, {"r", 0, 0, 0, 1, step}, testing::SnapshotAt(step));
    }
  }
  json Windows(const HistoryQuery& query) {
    const auto text = HistoryJson(*bench_.View(), query);
    EXPECT_TRUE(text.ok()) << text.status();
    return json::parse(*text)["windows"];
  }
  testing::Bench bench_;
};

TEST_F(RunJsonTest, RunsAreBriefAndOneIsWhole) {
  const json brief = json::parse(RunsJson(*bench_.engine.MakeView(0)))["runs"][0];
  const json whole = json::parse(RunJson(*bench_.View()));
  EXPECT_EQ(brief["run"], "r");
  EXPECT_EQ(brief["step"], "40");
  EXPECT_EQ(brief["layers"][0]["activation_rate"], 0.4);
  EXPECT_EQ(brief["ranks"][0]["connected"], true);
  EXPECT_EQ(brief["breaker"]["level"], 0);  // Zeros are there.
  EXPECT_EQ(brief["counters"]["layers"][0]["score_histogram"], json::array());
  EXPECT_EQ(whole["counters"]["layers"][0]["score_histogram"].size(), 64u);
  EXPECT_EQ(json::parse(RunsJson({})), json::parse(R"({"runs":[]})"));
}

TEST_F(RunJsonTest, HistoryTakesStepsAndALimit) {
  ASSERT_EQ(Windows({}).size(), 4u);
  EXPECT_EQ(Windows({})[0]["first_step"], "1");
  EXPECT_EQ(Windows({})[3]["layers"][0]["activation_rate"], 0.4);
  EXPECT_EQ(Windows({})[3]["loss"], 1.5);
  EXPECT_EQ(Windows({.first_step = "11", .last_step = "20"}).size(), 1u);
  EXPECT_EQ(Windows({.first_step = "41"}).size(), 0u);
  EXPECT_EQ(Windows({.limit = "1"})[0]["last_step"], "40");
}

TEST_F(RunJsonTest, ABadParameterIsNamedWithItsRange) {
  for (const char* bad : {"x", "-1", "1.5", "18446744073709551616"}) {
    EXPECT_TRUE(Says(HistoryJson(*bench_.View(), {.first_step = bad}).status(),
                     absl::StatusCode::kInvalidArgument,
                     {"first_step is '", bad, "expected an integer in [0, 18446744073709551615]"}));
  }
  EXPECT_TRUE(Says(HistoryJson(*bench_.View(), {.limit = "4294967296"}).status(),
                   absl::StatusCode::kInvalidArgument, {"limit is", "[0, 4294967295]"}));
}

TEST(RunJson, MapsAreThoseThatAreKeptOrOneOfThem) {
  RunView run;
  EXPECT_EQ(*MapsJson(run, ""), R"({"maps":[]})");
  for (const uint64_t step : {10, 20}) {
    const std::string body = json{{"step", std::to_string(step)}}.dump();
    run.maps.push_back(std::make_shared<const Event>(Event{kTokenMapEvent, "", step, body}));
  }
  EXPECT_EQ(*MapsJson(run, ""), R"({"maps":[{"step":"10"},{"step":"20"}]})");
  EXPECT_EQ(*MapsJson(run, "20"), R"({"maps":[{"step":"20"}]})");
  EXPECT_EQ(json::parse(RunJson(run))["map_steps"], json::parse(R"(["10","20"])"));
  EXPECT_TRUE(Says(MapsJson(run, "15").status(), absl::StatusCode::kNotFound,
                   {"no map of step 15 is kept"}));
  EXPECT_TRUE(Says(MapsJson(run, "last").status(), absl::StatusCode::kInvalidArgument,
                   {"step is 'last', expected an integer"}));
}

TEST(RunJson, WhatIsNoNumberIsAString) {
  RunView run;
  run.record.newest.loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(json::parse(RunJson(run))["loss"], "NaN");
}

TEST(RunJson, ErrorsAreQuoted) {
  EXPECT_EQ(json::parse(ErrorJson("a \"b\"\n\x7f"))["error"], "a \"b\"\n\x7f");
  EXPECT_THAT(ErrorJson("a\nb"), Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace sluice::sidecar
