// Flipped bits and missing ends of the state file, its log and its mark: every start either has the
// whole ledger or sets the state aside with an alarm, and goes on above what the ranks have.
#include <filesystem>
#include <iostream>
#include <random>

#include "common/file.h"
#include "sidecar/store/database.h"
#include "sluice/v1/runs.grpc.pb.h"
#include "tests/sidecar/faults/harness.h"

namespace sluice::sidecar::testing {
namespace {

namespace fs = std::filesystem;

class Damage : public Faults {
 protected:
  // A state as a crash left it, with something in its log, and the ledger in it.
  void MakeCrashedState() {
    StartSidecar({}, {"--history.windows", "16"});
    StartRanks();
    ASSERT_TRUE(WaitForProgress(400));
    ASSERT_TRUE(Differences().empty());
    sidecar_->Kill();
  }
  // Damages one file of the copy in `folder`. Says how.
  std::string DamageOne(const std::string& folder, std::mt19937& random) {
    const std::vector<std::string> names = {"sluice.db", "sluice.db-wal", "mark"};
    const std::string name = names[std::discrete_distribution<size_t>({6, 3, 1})(random)];
    const std::string path = folder + "/" + name;
    const uint64_t size = fs::file_size(path);
    if (size == 0) return name + " is empty";
    const uint64_t at = std::uniform_int_distribution<uint64_t>(0, size - 1)(random);
    if (std::bernoulli_distribution(0.2)(random)) {
      fs::resize_file(path, at);
      return absl::StrCat(name, " cut to ", at, " of ", size);
    }
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ (1 << (random() % 8)));
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
    return absl::StrCat(name, " flipped at ", at, " of ", size);
  }
};

TEST_F(Damage, IsRecoveredFromOrSetAsideWithAnAlarm) {
  const int times = CountOf("SLUICE_DAMAGES", 200);
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  MakeCrashedState();
  int recovered = 0, set_aside = 0;
  for (int i = 0; i < times; ++i) {
    const std::string copy = folder_.Path("copy");
    fs::remove_all(copy);
    fs::copy(state_, copy);
    const std::string how = DamageOne(copy, random);
    const SidecarProcess again(copy);
    ASSERT_FALSE(again.grpc().empty()) << how;
    const std::string metrics = HttpGet(again.http(), "/metrics");
    const bool alarm = metrics.find("sluice_state_quarantined 1\n") != std::string::npos;
    const auto differences =
        alarm ? std::vector<std::string>() : JudgeLedger(again.grpc(), again.http(), "r", files_);
    EXPECT_TRUE(differences.empty()) << how << ": no alarm, and " << Text(differences);
    if (alarm) {
      EXPECT_TRUE(fs::exists(copy + "/sluice.db.corrupt-1") ||
                  fs::exists(copy + "/sluice.db.corrupt-1-wal") ||
                  how.find("cut to 0 ") != std::string::npos)
          << how;
    }
    ++(alarm ? set_aside : recovered);
  }
  EXPECT_GT(set_aside, times / 20);
  std::cout << times << " damaged states: " << recovered << " with the whole ledger, " << set_aside
            << " set aside with an alarm" << std::endl;
}

TEST_F(Damage, TheSidecarGoesOnAboveWhatTheRanksHave) {
  StartSidecar();
  StartRanks();
  ASSERT_TRUE(WaitForProgress(200));
  ASSERT_EQ(sidecar_->Terminate(), 0);  // All is in the file, and there is no log.
  fs::resize_file(state_ + "/sluice.db", fs::file_size(state_ + "/sluice.db") / 2);
  StartSidecar();
  ASSERT_TRUE(WaitForProgress(50));
  EXPECT_NE(HttpGet(sidecar_->http(), "/readyz").find("set aside as sluice.db.corrupt-1"),
            std::string::npos);
  // Epochs, versions and counts: none goes back, but for acknowledgements, which were lost.
  const auto differences = Differences(true);
  EXPECT_TRUE(differences.empty()) << Text(differences);
  EXPECT_EQ(ranks_[0]->epoch(), 2u);
  const auto runs =
      v1::Runs::NewStub(grpc::CreateChannel(sidecar_->grpc(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::AcknowledgeQuarantineResponse response;
  ASSERT_TRUE(runs->AcknowledgeQuarantine(&context, {}, &response).ok());
  EXPECT_NE(WaitForMetric(sidecar_->http(), "sluice_state_quarantined 0\n")
                .find("sluice_state_quarantined 0\n"),
            std::string::npos);
  EXPECT_EQ(HttpGet(sidecar_->http(), "/readyz"), "ok\n");
}

// All that matters is in memory: it is written into a new file, and nobody has to send again.
TEST_F(Damage, FoundByACommitIsSetAsideWithoutALoss) {
  StartSidecar();
  StartRanks();
  ASSERT_TRUE(WaitForProgress(200));
  const std::string path = state_ + "/sluice.db";
  {
    // Into the file by SQLite itself, so that the running sidecar sees it: a table's root page.
    sidecar::Database other = *sidecar::Database::Open(path);
    ASSERT_TRUE(WaitUntil([&] { return other.Execute("PRAGMA writable_schema=ON").ok(); }));
    // A rank's commit may be under way.
    ASSERT_TRUE(WaitUntil([&] {
      return other
          .Execute(
              "BEGIN IMMEDIATE; UPDATE sqlite_schema SET rootpage=99999 WHERE name='journal'; "
              "PRAGMA schema_version=777; COMMIT")
          .ok();
    }));
  }
  ASSERT_NE(WaitForMetric(sidecar_->http(), "sluice_state_quarantined 1\n")
                .find("sluice_state_quarantined 1\n"),
            std::string::npos);
  ASSERT_TRUE(WaitForProgress(50));
  const auto differences = Differences();
  EXPECT_TRUE(differences.empty()) << Text(differences);
  EXPECT_TRUE(fs::exists(path + ".corrupt-1"));
  sidecar_->Kill();
  StartSidecar();
  const auto later = JudgeLedger(sidecar_->grpc(), sidecar_->http(), "r", files_);
  EXPECT_TRUE(later.empty()) << Text(later);
}

}  // namespace
}  // namespace sluice::sidecar::testing
