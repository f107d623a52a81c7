// Prints the reference of metrics, deploy/reference/metrics.md: what a sidecar exports once a rank
// has said all it can, and what a relay does.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/sidecar/peers/full_feed.h"
#include "tests/sidecar/peers/metric_table.h"
#include "tests/sidecar/testing/sidecar_process.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  using namespace sluice::sidecar::testing;  // NOLINT: a program of a few lines.
  const sluice::TemporaryFolder folder;
  const SidecarProcess sidecar(folder.path() + "/state");
  RankClient rank(sidecar.grpc(), "a");
  if (!FeedEverything(rank, 40)) return 1;
  const std::string scrape = WaitForMetric(sidecar.http(), "sluice_probe_loss_delta_ratio{");
  std::cout
      << "# Metrics\n\nWritten by `deploy/local.sh reference` from a sidecar's `/metrics`. What "
         "they are good for: [README](../../README.md#metrics).\n\n"
      << ReferenceOfScrape(scrape);
  const SidecarProcess relay(folder.path() + "/relay", {"--relay", sidecar.grpc()});
  std::cout << "\n## Of a relay\n\nWhat `sluice-sidecar --relay` has on its `/metrics`, and "
               "nothing else; a refusal "
               "shows as `sluice_rejected_total{reason}` as above.\n\n"
            << ReferenceOfScrape(HttpGet(relay.http(), "/metrics")) << std::flush;
  return rank.Finish().ok() ? 0 : 1;
}
