#include "worker/train/loss_log.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::train {
namespace {

class LossLogTest : public ::testing::Test {
 protected:
  // Writes the losses of the steps from `first` on, with a log that is opened anew.
  void Write(uint64_t first, const std::vector<std::optional<double>>& losses) {
    absl::StatusOr<LossLog> log = LossLog::Open(path_);
    ASSERT_TRUE(log.ok()) << log.status();
    for (size_t i = 0; i < losses.size(); ++i) ASSERT_TRUE(log->Write(first + i, losses[i]).ok());
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.Path(kLossLogName);
};

TEST_F(LossLogTest, LossesComeBackToTheBit) {
  const std::vector<std::optional<double>> losses = {1.0 / 3.0, -0.0,
                                                     std::numeric_limits<double>::denorm_min(),
                                                     std::numeric_limits<double>::infinity()};
  Write(1, losses);
  const auto bits = ReadLossBits(path_, losses.size());
  ASSERT_TRUE(bits.ok()) << bits.status();
  for (size_t i = 0; i < losses.size(); ++i)
    EXPECT_EQ((*bits)[i], std::bit_cast<uint64_t>(*losses[i])) << i;
}

TEST_F(LossLogTest, AStepInWhichNothingWasOpenIsNoNumber) {
  Write(1, {std::nullopt, 2.0});
  const auto bits = ReadLossBits(path_, 2);
  ASSERT_TRUE(bits.ok()) << bits.status();
  EXPECT_TRUE(std::isnan(std::bit_cast<double>((*bits)[0])));
  EXPECT_EQ(std::bit_cast<double>((*bits)[1]), 2.0);
}

TEST_F(LossLogTest, ARunThatGoesOnKeepsWhatWasAndWritesOverWhatItRepeats) {
  Write(1, {1.0, 2.0, 3.0, 4.0});
  Write(3, {3.0, 4.5, 5.0});
  const auto bits = ReadLossBits(path_, 5);
  ASSERT_TRUE(bits.ok()) << bits.status();
  const std::vector<double> expected = {1.0, 2.0, 3.0, 4.5, 5.0};
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(std::bit_cast<double>((*bits)[i]), expected[i]) << i;
  EXPECT_EQ(ReadFile(path_)->size(), 5 * sizeof(double));
}

TEST_F(LossLogTest, FewerStepsThanAreAskedForAreOutOfRange) {
  Write(1, {1.0, 2.0});
  EXPECT_TRUE(ReadLossBits(path_, 0)->empty());
  EXPECT_EQ(ReadLossBits(path_, 1)->size(), 1u);
  EXPECT_TRUE(Says(ReadLossBits(path_, 3).status(), absl::StatusCode::kOutOfRange,
                   {path_, "2 steps", "expected 3"}));
  // So many that their bytes do not fit into 64 bits.
  EXPECT_EQ(ReadLossBits(path_, uint64_t{1} << 61).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LossLogTest, ARecordThatWasCutDoesNotCount) {
  Write(1, {1.0, 2.0});
  const std::string whole = *ReadFile(path_);
  ASSERT_TRUE(WriteFileAtomically(path_, whole.substr(0, whole.size() - 1)).ok());
  EXPECT_TRUE(ReadLossBits(path_, 1).ok());
  EXPECT_EQ(ReadLossBits(path_, 2).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LossLogTest, ErrorsNameTheFile) {
  EXPECT_TRUE(Says(ReadLossBits(path_, 1).status(), absl::StatusCode::kNotFound, {kLossLogName}));
  const std::string nowhere = folder_.Path("none/losses");
  EXPECT_TRUE(Says(LossLog::Open(nowhere).status(), absl::StatusCode::kNotFound, {nowhere}));
  absl::StatusOr<LossLog> full = LossLog::Open("/dev/full");
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_TRUE(
      Says(full->Write(1, 0.5), absl::StatusCode::kResourceExhausted, {"/dev/full", "No space"}));
}

}  // namespace
}  // namespace sluice::train
