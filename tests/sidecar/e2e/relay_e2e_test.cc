// Real relays between ranks and a real sidecar; any of them is killed, or parted from the others.
#include <iostream>
#include <random>

#include "sidecar/wire/counters.h"
#include "sluice/v1/runs.grpc.pb.h"
#include "tests/common/peers.h"
#include "tests/sidecar/faults/harness.h"
#include "tests/sidecar/faults/network_namespace.h"
#include "tests/sidecar/testing/fakes.h"
#include "worker/telemetry/publisher.h"

namespace sluice::sidecar::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RelayE2e : public ::testing::Test {
 protected:
  static constexpr uint32_t kRanks = 6;
  static constexpr uint32_t kRelays = 2;

  // On the port that it had, so that relays find it.
  void StartRoot() {
    root_.emplace(folder_.Path("state"),
                  std::vector<std::string>{"--limits.messages-per-second", "1000000"}, launch_);
    launch_.grpc_port = root_->grpc().substr(root_->grpc().rfind(':') + 1);
  }
  void StartRelay(uint32_t i) {
    auto relay = std::make_unique<SidecarProcess>(
        absl::StrCat(folder_.path(), "/relay", i),
        std::vector<std::string>{"--relay", root_->grpc(), "--upstream.hold-seconds", "0.02",
                                 "--upstream.stall-seconds", "2", "--limits.messages-per-second",
                                 "1000000"});
    const std::lock_guard lock(mutex_);
    addresses_[i] = relay->grpc();
    relays_[i] = std::move(relay);
  }
  std::string AddressOf(uint32_t rank) {
    const std::lock_guard lock(mutex_);
    return addresses_[rank % kRelays];
  }
  void StartAll() {
    StartRoot();
    for (uint32_t i = 0; i < kRelays; ++i) StartRelay(i);
  }
  void StartRanks() {
    for (uint32_t rank = 0; rank < kRanks; ++rank) {
      files_.push_back(folder_.Path(absl::StrCat("rank", rank)));
      SimulatedRankOptions options;
      options.address = [this, rank] { return AddressOf(rank); };
      options.rank = rank;
      options.world_size = kRanks;
      options.oracle = files_.back();
      ranks_.push_back(std::make_unique<SimulatedRank>(std::move(options)));
    }
  }
  // The line that says how many messages it has taken.
  static std::string MessagesOf(const SidecarProcess& relay) {
    const std::string text = HttpGet(relay.http(), "/metrics");
    const size_t at = text.find("\nsluice_relay_messages_total ");
    EXPECT_NE(at, std::string::npos) << text;
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at + 1) - at);
  }
  bool WaitForProgress(uint64_t more) {
    return sidecar::testing::WaitForProgress(ranks_, more, seconds(60));
  }
  std::string Differences() {
    std::vector<std::string> differences;
    for (const auto& rank : ranks_) {
      if (!rank->Finish()) differences.push_back("a rank did not come to its end");
    }
    for (const std::string& file : files_) {
      for (const std::string& fault : JudgeFile(file)) differences.push_back(fault);
      if (CountLines(file, "refused") > 0) differences.push_back("something was refused");
    }
    for (const auto& fault : JudgeLedger(root_->grpc(), root_->http(), "r", files_, true)) {
      differences.push_back(fault);
    }
    return absl::StrJoin(differences, "\n");
  }

  const TemporaryFolder folder_;
  Launch launch_;  // Of the root.
  std::optional<SidecarProcess> root_;
  std::mutex mutex_;
  std::string addresses_[kRelays];  // Guarded by mutex_.
  std::unique_ptr<SidecarProcess> relays_[kRelays];
  std::vector<std::string> files_;
  std::vector<std::unique_ptr<SimulatedRank>> ranks_;
};

TEST_F(RelayE2e, TheLedgerIsExactWhateverIsKilled) {
  const int kills = CountOf("SLUICE_RELAY_KILLS", 9);
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  StartAll();
  StartRanks();
  ASSERT_TRUE(WaitForProgress(20));
  for (int kill = 0; kill < kills; ++kill) {
    // Each at least twice, after as many acknowledgements as are drawn.
    const uint32_t victim = kill < 6 ? static_cast<uint32_t>(kill) % 3 : random() % (kRelays + 1);
    ASSERT_TRUE(WaitForProgress(random() % 20));
    if (victim < kRelays) {
      relays_[victim]->Kill();
      StartRelay(victim);
    } else {
      root_->Kill();
      StartRoot();
    }
    ASSERT_TRUE(WaitForProgress(1)) << "after kill " << kill << " of " << victim;
  }
  const std::string differences = Differences();
  EXPECT_EQ(differences, "");
  EXPECT_GE(CountLines(files_[0], "hello"), 3u);
  EXPECT_GT(LastNumber(files_[0], "directive"), 0u);
  EXPECT_EQ(relays_[0]->Terminate(), 0);
  std::cout << kills << " kills of a sidecar and two relays, " << LastNumber(files_[0], "steps")
            << " steps of the first of " << kRanks << " ranks, "
            << (differences.empty() ? "no" : "some") << " differences" << std::endl;
}

TEST_F(RelayE2e, PartedFromTheSidecarAndBack) {
  if (ProgramInPath("ip").empty() || ProgramInPath("nft").empty()) {
    SLUICE_PEER_IS_MISSING("ip or nft is missing (packages iproute2 and nftables)");
  }
  NetworkNamespace space;
  if (!space.made()) GTEST_SKIP() << "network namespaces and nft need root with all rights";
  launch_.before = {"ip", "netns", "exec", space.name()};
  launch_.host = space.host();
  launch_.environment = {"SLUICE_INSECURE_LISTEN=true"};
  StartAll();
  StartRanks();
  ASSERT_TRUE(WaitForProgress(50));
  ASSERT_TRUE(space.Filter("drop"));
  // Both relays give it up, and say so.
  for (const auto& relay : relays_) {
    EXPECT_NE(WaitForMetric(relay->http(), "sluice_relay_upstream_up 0\n").find("_up 0\n"),
              std::string::npos);
    EXPECT_EQ(HttpStatus(relay->http(), "/readyz"), 503);
    EXPECT_EQ(HttpStatus(relay->http(), "/healthz"), 200);
  }
  // Ranks come again meanwhile, and are told nothing.
  const uint64_t acked = ranks_[0]->acked();
  for (const auto& relay : relays_) {
    const std::string before = MessagesOf(*relay);
    EXPECT_TRUE(WaitUntil([&] { return MessagesOf(*relay) != before; }, seconds(20)));
  }
  EXPECT_EQ(ranks_[0]->acked(), acked);
  ASSERT_TRUE(space.Heal());
  ASSERT_TRUE(WaitForProgress(50));
  EXPECT_EQ(Differences(), "");
  EXPECT_GE(CountLines(files_[0], "hello"), 2u);
}

// Workers' own publishers: they take their steps whoever is away, and their directives come.
TEST_F(RelayE2e, RanksGoOnWithoutTheSidecarAndItsDirectivesComeThrough) {
  StartAll();
  std::vector<std::unique_ptr<telemetry::Publisher>> publishers;
  for (uint32_t rank = 0; rank < kRanks; ++rank) {
    publishers.push_back(std::make_unique<telemetry::Publisher>(
        telemetry::PublisherConfig{.address = AddressOf(rank),
                                   .run = "r",
                                   .instance = "i",
                                   .rank = rank,
                                   .world_size = kRanks,
                                   .gates = {{kLayer, "head", "threshold", 0.3, 0.25}},
                                   .stall_seconds = 2.0,
                                   .poll_interval = milliseconds(5),
                                   .backoff_first = milliseconds(10),
                                   .backoff_longest = milliseconds(100)}));
    ASSERT_TRUE(publishers.back()->Start().ok());
  }
  uint64_t step = 0;
  const auto steps = [&](uint64_t count) {
    for (const uint64_t end = step + count; step < end;) {
      ++step;
      for (const auto& publisher : publishers) publisher->Publish(SnapshotAt(step));
    }
  };
  const auto all_durable = [&] {
    return WaitUntil(
        [&] {
          for (const auto& publisher : publishers) {
            const auto stats = publisher->Stats();
            if (stats.durable_seq == 0 || stats.messages_waiting > 0) return false;
          }
          return true;
        },
        seconds(30));
  };
  for (int i = 0; i < 5; ++i) {
    steps(20);
    ASSERT_TRUE(all_durable());
  }
  root_->Kill();
  const auto begin = std::chrono::steady_clock::now();
  steps(200);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(1));
  StartRoot();
  ASSERT_TRUE(all_durable());
  EXPECT_TRUE(WaitUntil([&] { return publishers[0]->TakeDirective().has_value(); }, seconds(10)));
  Counters expected;
  for (const auto& publisher : publishers) {
    EXPECT_TRUE(publisher->Finish({.step = step}, milliseconds(30000)).ok());
    EXPECT_EQ(publisher->Stats().messages_refused, 0u);
    Add(CountersAt(step), expected);
  }
  v1::GetRunRequest request;
  request.set_run("r");
  v1::GetRunResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(10));
  const auto stub =
      v1::Runs::NewStub(grpc::CreateChannel(root_->grpc(), grpc::InsecureChannelCredentials()));
  ASSERT_TRUE(stub->GetRun(&context, request, &response).ok());
  EXPECT_EQ(*CountersFromProto(response.state().counters(), "counters"), expected);
  EXPECT_EQ(response.state().step(), step);
  EXPECT_EQ(response.state().coverage(), 1.0);
  ASSERT_EQ(response.state().ranks_size(), static_cast<int>(kRanks));
  for (const auto& rank : response.state().ranks()) EXPECT_TRUE(rank.ended());
  EXPECT_NE(HttpGet(relays_[0]->http(), "/metrics").find("sluice_relay_merged_total"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::sidecar::testing
