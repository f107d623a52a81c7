#include "sidecar/metrics/disk_metrics.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

std::vector<prometheus::MetricFamily> Disk(const std::string& state) {
  FamilyBuilder families;
  AddDiskMetrics(state, families);
  return families.Take();
}

TEST(DiskMetrics, SayWhatTheSystemSays) {
  const TemporaryFolder folder;
  const auto families = Disk(folder.path());
  const std::filesystem::space_info space = std::filesystem::space(folder.path());
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].name, "sluice_state_free_bytes");
  // Others write meanwhile.
  EXPECT_NEAR(families[0].metric[0].gauge.value, static_cast<double>(space.available),
              0.05 * static_cast<double>(space.capacity));
  EXPECT_EQ(families[1].name, "sluice_state_size_bytes");
  EXPECT_EQ(families[1].metric[0].gauge.value, static_cast<double>(space.capacity));
}

TEST(DiskMetrics, ADiskThatCannotBeAskedIsLeftOut) {
  EXPECT_TRUE(Disk("").empty());
  EXPECT_TRUE(Disk("/no/such/folder").empty());
}

}  // namespace
}  // namespace sluice::sidecar
