#include "common/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

namespace sluice {
namespace {

TEST(Log, WritesTimeLevelNameAndTextFromItsLevelUp) {
  testing::internal::CaptureStderr();
  StartLog("sluice-test", "warn");
  spdlog::info("too quiet");
  spdlog::warn("value {}", 7);
  spdlog::default_logger()->flush();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(std::regex_match(
      text, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} warning sluice-test: value 7\n)")))
      << text;
}

TEST(Log, ATextOfOthersCannotPassForAnEntry) {
  testing::internal::CaptureStderr();
  StartLog("sluice-test", "info");
  spdlog::info("run '{}'", "a\n2026-01-01T00:00:00.000 error sluice-test: forged\x1b[2J");
  spdlog::default_logger()->flush();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_NE(text.find("run 'a\\n2026-"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
}

}  // namespace
}  // namespace sluice
