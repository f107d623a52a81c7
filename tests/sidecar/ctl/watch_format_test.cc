#include "sidecar/ctl/watch_format.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_split.h"
#include "tests/sidecar/ctl/states.h"

namespace sluice::ctl {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  EXPECT_EQ(lines.back(), "");
  lines.pop_back();
  return lines;
}

TEST(CtlWatchFormat, OneHeaderThenALinePerUpdate) {
  WatchFormat format;
  const std::vector<std::string> first = Lines(format.Update(StateOf("a")));
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0],
            "STATE      STEP  LIVE  LOST  THRESHOLD@2  RATE@2   EMA@2  THRESHOLD@4  RATE@4   EMA@4 "
            "     LOSS  ACC DENSE  ACC GATED  IMAGES/S  DIRECTIVE  ALERTS  REASON");
  EXPECT_EQ(first[1],
            "live         30     2     0       0.3000   0.400  0.5000       0.3500   0.250  0.4500 "
            "   1.5000          -     0.6250     812.3          7  -       target_rate: closer");
  EXPECT_EQ(Lines(format.Update(StateOf("a"))), std::vector<std::string>{first[1]});
}

TEST(CtlWatchFormat, NewGateLayersGetANewHeader) {
  WatchFormat format;
  v1::RunState state = StateOf("a");
  format.Update(state);
  state.mutable_layers()->RemoveLast();
  EXPECT_EQ(Lines(format.Update(state)).size(), 2u);
  EXPECT_EQ(Lines(format.Update(state)).size(), 1u);
}

TEST(CtlWatchFormat, AlertsAreNamed) {
  WatchFormat format;
  v1::RunState state = StateOf("a");
  state.add_alerts()->set_name("lost_rank");
  state.add_alerts()->set_name("non_finite");
  EXPECT_NE(format.Update(state).find("  lost_rank,non_finite  target_rate"), std::string::npos);
}

TEST(CtlWatchFormat, ALongReasonWithBreaksStaysOneLine) {
  WatchFormat format;
  v1::RunState state = StateOf("a");
  state.mutable_directive()->set_reason("one\r\ntwo");
  EXPECT_EQ(Lines(format.Update(state)).size(), 2u);
}

}  // namespace
}  // namespace sluice::ctl
