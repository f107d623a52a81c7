#include "worker/train/probe_answer.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::train {
namespace {

ProbeAnswer MadeUp() {
  ProbeAnswer answer;
  answer.step = uint64_t{1} << 60;
  answer.seconds = 0.125;
  answer.findings = {{"old", 100, 1.0 / 3.0, 0.01, 0.75, 0.3},
                     {"older", 1, kNotFiniteLoss, 0.0, 0.0, 0.1}};
  return answer;
}

TEST(ProbeAnswerTest, IsReadAsItWasWrittenToTheBit) {
  const std::string line = AnswerToJson(MadeUp());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto read = AnswerFromJson(line);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, MadeUp());
  EXPECT_EQ(AnswerFromJson(AnswerToJson({}))->findings.size(), 0u);
}

TEST(ProbeAnswerTest, WhatIsNoneIsShown) {
  for (const char* bad : {"", "hello", "{}", "[]", R"({"step":1,"seconds":2,"probes":{}})",
                          R"({"step":1,"seconds":2,"probes":[{"probe":"old"}]})",
                          R"({"step":"one","seconds":2,"probes":[]})"}) {
    EXPECT_TRUE(SaysInvalid(AnswerFromJson(bad).status(), {bad, "no check"})) << bad;
  }
}

}  // namespace
}  // namespace sluice::train
