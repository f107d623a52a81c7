#include "sidecar/bench/report.h"

#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

TEST(Quantile, IsAValueUnderWhichTheShareLies) {
  EXPECT_EQ(Quantile({}, 0.5), 0.0);
  EXPECT_EQ(Quantile({3, 1, 2}, 0.5), 2.0);
  EXPECT_EQ(Quantile({3, 1, 2}, 1.0), 3.0);
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_EQ(Quantile(hundred, 0.99), 99.0);
}

TEST(HistogramQuantile, IsLinearInsideABucketAndCountsWhatIsNew) {
  const std::string before =
      "a_bucket{le=\"1\"} 5\na_bucket{le=\"2\"} 5\na_bucket{le=\"4\"} 5\na_bucket{le=\"+Inf\"} "
      "5\na_count 5\n";
  const std::string after =
      "b_bucket{le=\"1\"} 9\na_bucket{le=\"1\"} 5\na_bucket{le=\"2\"} 15\na_bucket{le=\"4\"} 15\n"
      "a_bucket{le=\"+Inf\"} 16\n";
  EXPECT_NEAR(HistogramQuantile(before, after, "a", 0.5), 1.55, 1e-9);
  EXPECT_NEAR(HistogramQuantile(before, after, "a", 1.0), 4.0, 1e-9);  // Above all edges.
  EXPECT_EQ(HistogramQuantile(before, after, "c", 0.5), 0.0);
}

TEST(Report, KeepsTheOrderInItsFile) {
  const TemporaryFolder folder;
  Report report;
  report.Add("z", 1.5);
  report.Add("a", "exact");
  ASSERT_TRUE(report.Print(folder.path() + "/r.json").ok());
  EXPECT_EQ(*ReadFile(folder.path() + "/r.json"), "{\n  \"z\": 1.5,\n  \"a\": \"exact\"\n}\n");
}

}  // namespace
}  // namespace sluice::sidecar
