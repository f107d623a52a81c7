#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "tests/worker/telemetry/publisher_fixture.h"

namespace sluice::telemetry {
namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

// Time of each of many Publish calls, in microseconds, ascending.
std::vector<double> PublishTimes(Publisher& publisher) {
  constexpr int kCalls = 50000;
  std::vector<double> micros;
  micros.reserve(kCalls);
  GateSnapshot snapshot = MakeSnapshot(1);
  for (int i = 0; i < kCalls; ++i) {
    const auto begin = steady_clock::now();
    publisher.Publish(snapshot);
    micros.push_back(duration<double, std::micro>(steady_clock::now() - begin).count());
  }
  std::sort(micros.begin(), micros.end());
  return micros;
}

double Quantile(const std::vector<double>& sorted, double q) {
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))];
}

double ProcessSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return t.tv_sec + 1e-6 * t.tv_usec; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class PublisherCostTest : public PublisherTest {
 protected:
  void ExpectFast(const char* name) {
    const std::vector<double> micros = PublishTimes(*publisher_);
    std::printf("Publish, %s: p50 %.3f us, p99 %.3f us, most %.1f us\n", name,
                Quantile(micros, 0.50), Quantile(micros, 0.99), micros.back());
    // The goal is 1 us; the bound is wide because the machine may be busy.
    EXPECT_LT(Quantile(micros, 0.50), 10.0);
    EXPECT_LT(Quantile(micros, 0.99), 100.0);
  }
};

TEST_F(PublisherCostTest, PublishWithAFullRingAndNoSidecar) {
  config_.poll_interval = std::chrono::seconds(5);
  Start({});
  sidecar_->Stop();
  ExpectFast("full ring, no sidecar");
  EXPECT_GT(publisher_->Stats().snapshots_dropped, 40000u);
}

TEST_F(PublisherCostTest, PublishToALiveSidecar) {
  config_.poll_interval = std::chrono::milliseconds(50);
  Start({});
  ASSERT_TRUE(WaitUntil([&] { return publisher_->Stats().connected; }));
  ExpectFast("live sidecar");
}

// Both ends are in this process, so this is an upper bound of what the worker pays.
TEST_F(PublisherCostTest, TheIdlePublisherSleeps) {
  config_.poll_interval = std::chrono::milliseconds(50);
  Start({});
  ASSERT_TRUE(WaitUntil([&] { return publisher_->Stats().connected; }));
  const double before = ProcessSeconds();
  // What is measured is the cost of a time in which nothing happens.
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const double share = (ProcessSeconds() - before) / 2.0;
  std::printf("idle publisher and server: %.3f %% of one processor\n", 100.0 * share);
  EXPECT_LT(share, 0.01);
}

// Ten steps a second, as of a real run.
TEST_F(PublisherCostTest, TenStepsASecondCostLittle) {
  config_.poll_interval = std::chrono::milliseconds(50);
  Start({});
  ASSERT_TRUE(WaitUntil([&] { return publisher_->Stats().connected; }));
  const double before = ProcessSeconds();
  for (uint64_t step = 1; step <= 20; ++step) {
    Steps(step, step);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // The rate is the subject.
  }
  const double share = (ProcessSeconds() - before) / 2.0;
  std::printf("ten steps a second, publisher and server: %.3f %% of one processor\n",
              100.0 * share);
  EXPECT_LT(share, 0.05);
  Finish();
  ExpectConserved(20);
}

}  // namespace
}  // namespace sluice::telemetry
