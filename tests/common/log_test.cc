#include "common/log.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace sluice
