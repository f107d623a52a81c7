#include "worker/gate/settings.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::gate {
namespace {

TEST(SettingsTest, EveryModeHasItsName) {
  EXPECT_EQ(*ParseMode("dense"), Mode::kDense);
  EXPECT_EQ(*ParseMode("mask"), Mode::kMask);
  EXPECT_EQ(*ParseMode("selective"), Mode::kSelective);
  EXPECT_EQ(*ParseMode("compact"), Mode::kCompact);
  EXPECT_TRUE(Says(ParseMode("sparse").status(), absl::StatusCode::kInvalidArgument,
                   {"gate.mode is 'sparse'", "dense, mask, selective, compact"}));
}

TEST(SettingsTest, DenseDecidesInTheShadowOnly) {
  GateSettings settings;
  EXPECT_FALSE(settings.decides());
  settings.shadow = true;
  EXPECT_TRUE(settings.decides());
  settings.shadow = false;
  settings.mode = Mode::kMask;
  EXPECT_TRUE(settings.decides());
}

}  // namespace
}  // namespace sluice::gate
