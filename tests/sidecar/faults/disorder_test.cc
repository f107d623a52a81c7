// Messages twice, in another order, and from a stale lease epoch.
#include <iostream>
#include <random>

#include "tests/sidecar/faults/harness.h"
#include "tests/worker/e2e/disordering_proxy.h"

namespace sluice::sidecar::testing {
namespace {

TEST_F(Faults, DoubledReorderedAndStaleMessages) {
  const int messages = CountOf("SLUICE_DISORDERED_MESSAGES", 100000);
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  StartSidecar();
  e2e::DisorderingProxy proxy(sidecar_->grpc(), seed, 0.1);
  SetAddress(proxy.address());
  StartRanks(std::chrono::seconds(20));
  for (const auto& rank : ranks_) rank->StopAt(static_cast<uint64_t>(messages) * 9 / 20);
  for (const auto& rank : ranks_) ASSERT_TRUE(rank->Finish(std::chrono::minutes(30)));
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
  const int sent = proxy.passed() + proxy.doubled() + proxy.swapped() + proxy.stale();
  EXPECT_GE(sent, messages);
  EXPECT_GT(proxy.stale(), messages / 20);
  // Every stale one was refused, and counted.
  EXPECT_NE(WaitForMetric(sidecar_->http(), "")
                .find(absl::StrCat("sluice_rejected_total{reason=\"stale\"} ", proxy.stale())),
            std::string::npos);
  std::cout << sent << " messages, " << proxy.doubled() << " of them doubled, " << proxy.swapped()
            << " reordered, " << proxy.stale() << " stale, " << differences.size() << " differences"
            << std::endl;
}

}  // namespace
}  // namespace sluice::sidecar::testing
