#include "worker/train/healthy_checkpoint.h"

#include <gtest/gtest.h>

namespace sluice::train {
namespace {

TEST(HealthyCheckpointTest, OneIsHealthyOnceACheckOfItsOrLaterValuesWasCalm) {
  HealthyCheckpoint health(0);
  health.OnCheckpoint(4, true);
  EXPECT_EQ(health.healthy(), 0u) << "nobody has looked";
  health.OnSnapshot(6);
  EXPECT_EQ(health.awaited(), 4u);
  health.OnCheckpoint(8, true);
  EXPECT_EQ(health.awaited(), 4u) << "of step 8 the check says nothing";
  health.OnFinding(6, true);
  EXPECT_EQ(health.healthy(), 4u);
  EXPECT_EQ(health.awaited(), 0u);
}

TEST(HealthyCheckpointTest, OfTheSameStepItIsSavedBeforeOrAfterTheAnswer) {
  HealthyCheckpoint before(0), after(0);
  before.OnSnapshot(6);
  before.OnCheckpoint(6, true);
  EXPECT_EQ(before.awaited(), 6u);
  before.OnFinding(6, true);
  EXPECT_EQ(before.healthy(), 6u);
  after.OnSnapshot(6);
  after.OnFinding(6, true);
  EXPECT_EQ(after.healthy(), 0u) << "it is not durable";
  after.OnCheckpoint(6, true);
  EXPECT_EQ(after.healthy(), 6u);
}

TEST(HealthyCheckpointTest, WhatIsWorseOrLostMakesNoneHealthy) {
  HealthyCheckpoint health(2);
  health.OnCheckpoint(4, true);
  health.OnSnapshot(4);
  health.OnFinding(4, false);
  EXPECT_EQ(health.healthy(), 2u);
  health.OnCheckpoint(6, true);
  health.OnSnapshot(6);
  health.OnLost();
  EXPECT_EQ(health.awaited(), 0u);
  EXPECT_EQ(health.healthy(), 2u);
  // A calm check before the worse one no longer counts.
  health.OnSnapshot(10);
  health.OnFinding(10, true);
  health.OnSnapshot(12);
  health.OnFinding(12, false);
  health.OnCheckpoint(9, true);
  EXPECT_EQ(health.healthy(), 6u) << "that of step 6, by the check of step 10";
}

TEST(HealthyCheckpointTest, OneFromAnOpenBreakerNeverIs) {
  HealthyCheckpoint health(0);
  health.OnCheckpoint(4, true);
  health.OnCheckpoint(6, false);
  health.OnSnapshot(8);
  EXPECT_EQ(health.awaited(), 0u);
  health.OnCheckpoint(8, false);
  health.OnFinding(8, true);
  health.OnCheckpoint(8, false);
  EXPECT_EQ(health.healthy(), 0u);
}

TEST(HealthyCheckpointTest, ARunGoesOnFromTheOneThatWasKnown) {
  HealthyCheckpoint health(30);
  EXPECT_EQ(health.healthy(), 30u);
  health.OnSnapshot(40);
  EXPECT_EQ(health.awaited(), 0u);
  health.OnFinding(40, true);
  EXPECT_EQ(health.healthy(), 30u);
}

}  // namespace
}  // namespace sluice::train
