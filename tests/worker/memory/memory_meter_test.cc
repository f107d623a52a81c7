#include "worker/memory/memory_meter.h"

#include <gtest/gtest.h>

#include <thread>

#include "worker/torch.h"

namespace sluice::memory {
namespace {

TEST(MemoryMeterTest, CountsWhatIsHeldAndTheMostThereWas) {
  const torch::Tensor earlier = torch::zeros({1000});
  MemoryMeter meter;
  const int64_t start = meter.held();
  torch::Tensor kept = torch::empty({1 << 20}, torch::kFloat);
  EXPECT_EQ(meter.held() - start, 4 << 20);
  { const torch::Tensor brief = torch::empty({3 << 20}, torch::kFloat); }
  EXPECT_EQ(meter.held() - start, 4 << 20);
  EXPECT_EQ(meter.peak() - start, 16 << 20);
  kept = torch::Tensor();
  EXPECT_EQ(meter.held(), start);
}

TEST(MemoryMeterTest, TensorsMayOutliveItAndOldOnesDieUnderIt) {
  torch::Tensor old = torch::ones({1 << 16}), young;
  {
    MemoryMeter meter;
    young = torch::ones({1 << 16});
    const int64_t held = meter.held();
    old = torch::Tensor();
    EXPECT_EQ(meter.held(), held);
  }
  EXPECT_EQ(young.sum().item<float>(), 65536.0f);
  MemoryMeter next;
  EXPECT_EQ(next.held(), 0);
  young = torch::Tensor();  // Of another meter's time.
  EXPECT_EQ(next.held(), 0);
}

TEST(MemoryMeterTest, OtherThreadsTensorsDoNotCountAndMayEndHere) {
  MemoryMeter meter;
  torch::Tensor made;
  std::thread([&] {
    MemoryMeter other;
    made = torch::ones({1 << 18});
    EXPECT_EQ(other.held(), 1 << 20);
  }).join();
  EXPECT_EQ(meter.held(), 0);
  made = torch::Tensor();
  EXPECT_EQ(meter.held(), 0);
}

}  // namespace
}  // namespace sluice::memory
