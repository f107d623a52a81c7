#include "worker/telemetry/sidecar_access.h"

#include <gtest/gtest.h>

namespace sluice::telemetry {
namespace {

TEST(SidecarAccess, IsWhatWasSetLast) {
  EXPECT_FALSE(SidecarAccess().given());
  SetSidecarAccess({"ca", "cert", "key", "name", "token"});
  EXPECT_EQ(SidecarAccess().ca + SidecarAccess().token_file, "catoken");
  SetSidecarAccess({});
  EXPECT_FALSE(SidecarAccess().given());
}

}  // namespace
}  // namespace sluice::telemetry
