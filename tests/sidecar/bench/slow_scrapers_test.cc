#include "sidecar/bench/slow_scrapers.h"

#include <gtest/gtest.h>

#include "sidecar/bench/child.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"

namespace sluice::sidecar {
namespace {

TEST(SlowScrapers, TwoHundredOfThemLeaveAHealthyScrapeUnderASecond) {
  const TemporaryFolder folder;
  const auto child = Child::Start(SLUICE_SIDECAR_BINARY, folder.path(), "one",
                                  {"--state", folder.path() + "/state"});
  ASSERT_TRUE(child.ok()) << child.status();
  SlowScrapers scrapers((*child)->http(), 200);
  // Their number of turns is bounded by time: they crawl through two seconds.
  EXPECT_TRUE(WaitUntil([&] { return scrapers.turns() >= 3; }, std::chrono::seconds(30)));
  scrapers.Stop();
  ASSERT_FALSE(scrapers.healthy().empty());
  for (double milliseconds : scrapers.healthy()) EXPECT_LT(milliseconds, 1000.0);
}

}  // namespace
}  // namespace sluice::sidecar
