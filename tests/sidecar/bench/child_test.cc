#include "sidecar/bench/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

TEST(Child, IsASidecarUntilItIsForgotten) {
  const TemporaryFolder folder;
  std::string http;
  {
    const auto child = Child::Start(SLUICE_SIDECAR_BINARY, folder.path(), "one",
                                    {"--state", folder.path() + "/state"});
    ASSERT_TRUE(child.ok()) << child.status();
    http = (*child)->http();
    const auto metrics = Get(http, "/metrics");
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_THAT(*metrics, HasSubstr("sluice_build_info"));
    EXPECT_GT((*child)->ResidentBytes(), uint64_t{1} << 20);
    EXPECT_GE((*child)->PeakBytes(), (*child)->ResidentBytes() / 2);
    EXPECT_GE((*child)->CpuSeconds(), 0.0);
    EXPECT_FALSE(Get(http, "/nothing").ok());
  }
  EXPECT_FALSE(Get(http, "/metrics").ok());
}

TEST(Child, OneThatDoesNotStartSaysWhy) {
  const TemporaryFolder folder;
  const auto child =
      Child::Start(SLUICE_SIDECAR_BINARY, folder.path(), "one", {"--log.level", "x"});
  ASSERT_FALSE(child.ok());
  EXPECT_THAT(std::string(child.status().message()), HasSubstr("log.level"));
}

}  // namespace
}  // namespace sluice::sidecar
