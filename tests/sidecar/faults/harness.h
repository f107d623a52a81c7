#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sidecar/store/database.h"
#include "tests/common/count_of.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/faults/oracle.h"
#include "tests/sidecar/faults/simulated_rank.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::sidecar::testing {

// Under the address sanitizer a program starts only if the sanitizer's own library is the first.
#ifdef __SANITIZE_ADDRESS__
#define SLUICE_NEEDS_PRELOAD() GTEST_SKIP() << "the address sanitizer allows no preloaded library"
#else
#define SLUICE_NEEDS_PRELOAD() static_cast<void>(0)
#endif

// True once each of these ranks has `more` further acknowledgements.
inline bool WaitForProgress(const std::vector<std::unique_ptr<SimulatedRank>>& ranks, uint64_t more,
                            std::chrono::seconds patience) {
  std::vector<uint64_t> before;
  for (const auto& rank : ranks) before.push_back(rank->acked());
  return WaitUntil(
      [&] {
        for (size_t i = 0; i < ranks.size(); ++i) {
          if (ranks[i]->acked() < before[i] + more) return false;
        }
        return true;
      },
      patience);
}

// A sidecar that is started again and again on one state, and ranks that find it wherever it is.
class Faults : public ::testing::Test {
 protected:
  static constexpr uint32_t kRanks = 2;

  void StartSidecar(const Launch& launch = {}, std::vector<std::string> more = {}) {
    // What is tested here is not the limit of a stream's rate.
    more.insert(more.end(), {"--limits.messages-per-second", "1000000"});
    sidecar_.emplace(state_, std::move(more), launch);
    SetAddress(sidecar_->grpc());
  }
  void SetAddress(const std::string& address) {
    const std::lock_guard lock(mutex_);
    address_ = address;
  }
  static Launch Faulty(std::vector<std::string> environment = {}) {
    Launch launch;
    launch.binary = SLUICE_SIDECAR_FAULTS_BINARY;
    launch.environment = std::move(environment);
    return launch;
  }
  void StartRanks(std::chrono::milliseconds stall = std::chrono::milliseconds(2000)) {
    for (uint32_t rank = 0; rank < kRanks; ++rank) {
      SimulatedRankOptions options;
      options.address = [this] {
        const std::lock_guard lock(mutex_);
        return address_;
      };
      options.rank = rank;
      options.world_size = kRanks;
      options.oracle = files_[rank];
      options.stall = stall;
      ranks_.push_back(std::make_unique<SimulatedRank>(std::move(options)));
    }
  }
  // True once every rank has `more` further acknowledgements.
  bool WaitForProgress(uint64_t more, std::chrono::seconds patience = std::chrono::seconds(30)) {
    return sidecar::testing::WaitForProgress(ranks_, more, patience);
  }
  // The newest directive that any rank was told of, and the newest that is in the state of a
  // sidecar that was killed: a rank brings its own along, so that a start hides what was missing.
  uint64_t PushedVersion() const {
    return std::max(LastNumber(files_[0], "directive"), LastNumber(files_[1], "directive"));
  }
  uint64_t StoredVersion() const {
    absl::StatusOr<sidecar::Database> state = sidecar::Database::Open(state_ + "/sluice.db");
    if (!state.ok()) return 0;
    state->KeepLog(true);
    const std::string version = state->Value("SELECT max(version) FROM directives").value_or("");
    return version.empty() ? 0 : std::stoull(version);
  }
  // Lets the ranks come to their end; what their files and the ledger then say against the product.
  std::vector<std::string> Differences(bool state_was_lost = false) {
    std::vector<std::string> differences;
    for (const auto& rank : ranks_) {
      if (!rank->Finish()) differences.push_back("a rank did not come to its end");
    }
    for (const std::string& file : files_) {
      for (const std::string& fault : JudgeFile(file, state_was_lost)) {
        differences.push_back(fault);
      }
    }
    for (const std::string& fault : JudgeLedger(sidecar_->grpc(), sidecar_->http(), "r", files_)) {
      differences.push_back(fault);
    }
    return differences;
  }
  static std::string Text(const std::vector<std::string>& differences) {
    return absl::StrJoin(differences, "\n");
  }

  const TemporaryFolder folder_;
  const std::string state_ = folder_.Path("state");
  const std::vector<std::string> files_ = {folder_.Path("rank0"), folder_.Path("rank1")};
  std::mutex mutex_;
  std::string address_;  // Guarded by mutex_.
  std::optional<SidecarProcess> sidecar_;
  std::vector<std::unique_ptr<SimulatedRank>> ranks_;
};

}  // namespace sluice::sidecar::testing
