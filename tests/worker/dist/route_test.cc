#include "worker/dist/route.h"

#include <gtest/gtest.h>

namespace sluice::dist {
namespace {

TEST(RouteTest, TheWayToThisMachineIsItsLoopback) {
  EXPECT_EQ(AddressTowards("127.0.0.1", 29500).value_or(""), "127.0.0.1");
  const std::string named = AddressTowards("localhost", 29500).value_or("");
  EXPECT_TRUE(named == "127.0.0.1" || named == "::1") << named;
}

TEST(RouteTest, AHostThatNobodyKnowsIsNamed) {
  const absl::Status status = AddressTowards("no-such-host.invalid", 29500).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("no way to no-such-host.invalid: "), std::string::npos) << status;
}

}  // namespace
}  // namespace sluice::dist
