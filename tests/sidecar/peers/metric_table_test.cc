#include "tests/sidecar/peers/metric_table.h"

#include <gtest/gtest.h>

namespace sluice::sidecar::testing {
namespace {

TEST(MetricTableTest, ReadsTheTableOfTheSectionAlone) {
  const MetricTable table = MetricsOfReadme(
      "## Before\n| `sluice_other` | gauge | no |\n"
      "## Metrics\ntext `sluice_text`\n| metric | type | meaning |\n| --- | --- | --- |\n"
      "| `sluice_a_total{state}` | counter | of `sluice_b` |\n"
      "| `sluice_c{layer,probe}`, `sluice_d` | histogram | x |\n"
      "## Behind\n| `sluice_late` | gauge | no |\n");
  const MetricTable expected = {{"sluice_a_total", {"counter", {"state"}}},
                                {"sluice_c", {"histogram", {"layer", "probe"}}},
                                {"sluice_d", {"histogram", {}}}};
  EXPECT_EQ(table, expected);
}

TEST(MetricTableTest, ReadsFamiliesTypesAndLabelsOfAScrape) {
  const MetricTable table = MetricsOfScrape(
      "# HELP sluice_a_total x\n# TYPE sluice_a_total counter\n"
      "sluice_a_total{run=\"r,x=\\\"\",state=\"open\"} 1\n"
      "# TYPE sluice_c histogram\nsluice_c_bucket{run=\"r\",layer=\"1\",le=\"0.5\"} 2\n"
      "sluice_c_sum{run=\"r\",layer=\"1\"} 3e-05\nsluice_c_count{run=\"r\",layer=\"1\"} 2\n"
      "# TYPE sluice_d gauge\nsluice_d 1\n");
  const MetricTable expected = {{"sluice_a_total", {"counter", {"state"}}},
                                {"sluice_c", {"histogram", {"layer"}}},
                                {"sluice_d", {"gauge", {}}}};
  EXPECT_EQ(table, expected);
}

TEST(MetricTableTest, AReferenceHasNamesTypesLabelsAndHelp) {
  EXPECT_EQ(ReferenceOfScrape("# HELP sluice_b B, in seconds.\n# TYPE sluice_b histogram\n"
                              "sluice_b_bucket{run=\"r\",layer=\"1\",le=\"0.5\"} 2\n"
                              "# HELP sluice_a_total A.\n# TYPE sluice_a_total counter\n"
                              "sluice_a_total{reason=\"stale\"} 1\n"),
            "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"
            "| `sluice_a_total` | counter | reason | A. |\n"
            "| `sluice_b` | histogram | layer, run | B, in seconds. |\n");
}

}  // namespace
}  // namespace sluice::sidecar::testing
