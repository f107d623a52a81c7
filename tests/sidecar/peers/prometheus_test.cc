// A real Prometheus and promtool against the real sidecar. The names are those of the README's
// table and of the live scrape; no list of them is kept here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "common/file.h"
#include "tests/common/peers.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/peers/full_feed.h"
#include "tests/sidecar/peers/metric_table.h"
#include "tests/sidecar/peers/prometheus_process.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::sidecar::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kSteps = 40;  // Several windows.

// Families of the README that FeedEverything does not bring forth, with the reason. Empty: it does
// for all.
const std::map<std::string, std::string>& NotFed() {
  static const std::map<std::string, std::string> not_fed = {};
  return not_fed;
}

std::vector<std::string> SampleNames(const std::string& family, const MetricFacts& facts) {
  if (facts.type != "histogram") return {family};
  return {family + "_bucket", family + "_sum", family + "_count"};
}

class PrometheusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string program = ProgramInPath("prometheus");
    if (program.empty() || ProgramInPath("promtool").empty()) {
      SLUICE_PEER_IS_MISSING(
          "prometheus or promtool is not in PATH; deploy/local.sh test installs them (group `test` "
          "of deploy/packages.txt)");
    }
    sidecar_.emplace(folder_.path() + "/state");
    prometheus_.emplace(program, folder_.path(), sidecar_->http());
    // Behind the forks: gRPC does not go with them.
    rank_.emplace(sidecar_->grpc(), "a");
    ASSERT_TRUE(FeedEverything(*rank_, kSteps));
    scrape_ = WaitForMetric(sidecar_->http(), "sluice_probe_loss_delta_ratio{");
    scraped_ = MetricsOfScrape(scrape_);
    deadline_ = Clock::now() + std::chrono::seconds(20);
  }

  // The stream stays up meanwhile: some families are about ranks that have one.
  void TearDown() override {
    if (rank_.has_value()) {
      EXPECT_TRUE(rank_->Finish().ok());
    }
  }

  // Prometheus scrapes five times a second; all names together get 20 seconds.
  bool IsAnswered(const std::string& name) {
    return WaitUntil([&] { return prometheus_->SeriesOf(name).value_or(0) >= 1; },
                     deadline_ - Clock::now());
  }

  TemporaryFolder folder_;
  std::optional<SidecarProcess> sidecar_;
  std::optional<PrometheusProcess> prometheus_;
  std::optional<RankClient> rank_;
  std::string scrape_;
  MetricTable scraped_;
  Clock::time_point deadline_;
};

TEST_F(PrometheusTest, AnswersForEveryFamilyOfTheScrape) {
  ASSERT_GE(scraped_.size(), 20u) << scrape_;
  for (const auto& [family, facts] : scraped_) {
    for (const std::string& name : SampleNames(family, facts)) {
      EXPECT_TRUE(IsAnswered(name)) << name << " has no sample; log: " << prometheus_->Log();
    }
  }
  EXPECT_FALSE(prometheus_->SeriesOf("sluice_no_such_metric").has_value());
}

TEST_F(PrometheusTest, TheReadmeListsTheScrapeAndNothingElse) {
  const MetricTable listed = MetricsOfReadme(*ReadFile(SLUICE_README));
  for (const auto& [name, facts] : scraped_) {
    EXPECT_TRUE(listed.contains(name)) << name << " is in /metrics and not in README.md's table";
  }
  for (const auto& [name, facts] : listed) {
    const auto found = scraped_.find(name);
    EXPECT_EQ(found == scraped_.end(), NotFed().contains(name))
        << name << " is in README.md's table: expected either in /metrics or in NotFed()";
    if (found == scraped_.end()) continue;
    EXPECT_EQ(facts.type, found->second.type) << name << " in README.md's table";
    EXPECT_EQ(facts.labels, found->second.labels) << name << " in README.md's table";
  }
}

TEST_F(PrometheusTest, PromtoolFindsNothingToBlame) {
  const std::string scrape = folder_.path() + "/scrape";
  ASSERT_TRUE(WriteFileAtomically(scrape, scrape_).ok());
  const std::string command = "promtool check metrics < " + scrape + " > " + scrape + ".said 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << *ReadFile(scrape + ".said");
}

}  // namespace
}  // namespace sluice::sidecar::testing
