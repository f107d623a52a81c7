#include "worker/study/killed_sidecar.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/file.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"

namespace sluice::study {
namespace {

// A script in place of the sidecar: says where it listens, and writes down its start and each
// SIGTERM. It goes on for a little while after the first, as one does that still has to write.
class KilledSidecarTest : public testing::Test {
 protected:
  launch::SidecarOptions Options(const std::string& at_end = "exit 0") const {
    launch::SidecarOptions options;
    options.program = folder_.Write("sidecar", R"(#!/bin/bash
here=$(dirname "$0")
trap 'echo term >>"$here/log"; ended=1' TERM
echo start >>"$here/log"
echo '{"grpc": "127.0.0.1:4711", "http": "127.0.0.1:4712"}'
while [[ -z $ended ]]; do read -r -t 0.05 <>"$here/pipe"; done
for _ in 1 2 3 4 5 6; do read -r -t 0.05 <>"$here/pipe"; done
)" + at_end + "\n");
    std::filesystem::permissions(options.program, std::filesystem::perms::owner_all);
    EXPECT_EQ(::mkfifo(folder_.Path("pipe").c_str(), 0600), 0);
    options.state = folder_.Path("state");
    return options;
  }

  int64_t Lines(const std::string& what) const {
    const std::string log = ReadFile(folder_.Path("log")).value_or("");
    int64_t count = 0;
    for (size_t at = log.find(what); at != std::string::npos; at = log.find(what, at + 1)) ++count;
    return count;
  }

  static bool WaitForKills(const KilledSidecar& sidecar, int64_t kills) {
    return WaitUntil([&] { return sidecar.kills() >= kills; });
  }

  const TemporaryFolder folder_;
};

TEST_F(KilledSidecarTest, WithoutKillsItIsStartedAndStoppedOnce) {
  auto sidecar = KilledSidecar::Start(Options(), 0.0);
  ASSERT_TRUE(sidecar.ok()) << sidecar.status();
  EXPECT_EQ((*sidecar)->address(), "127.0.0.1:4711");
  EXPECT_TRUE((*sidecar)->Stop().ok());
  EXPECT_EQ((*sidecar)->kills(), 0);
  EXPECT_EQ(Lines("start"), 1);
  EXPECT_EQ(Lines("term"), 1);
}

TEST_F(KilledSidecarTest, IsStartedAgainAfterEachKill) {
  auto sidecar = KilledSidecar::Start(Options(), 0.1);
  ASSERT_TRUE(sidecar.ok()) << sidecar.status();
  ASSERT_TRUE(WaitForKills(**sidecar, 3));
  EXPECT_TRUE((*sidecar)->Stop().ok());
  EXPECT_EQ(Lines("start"), (*sidecar)->kills() + 1);
}

// The thread that started it ends before anything else does: the parent-death signal of a sidecar
// that was left running would be a second SIGTERM.
TEST_F(KilledSidecarTest, TheLastOneIsToldToEndOnce) {
  auto sidecar = KilledSidecar::Start(Options(), 0.3);
  ASSERT_TRUE(sidecar.ok()) << sidecar.status();
  ASSERT_TRUE(WaitForKills(**sidecar, 1));
  EXPECT_TRUE((*sidecar)->Stop().ok());
  EXPECT_EQ(Lines("term"), 1);
}

TEST_F(KilledSidecarTest, AnEndThatIsNoneIsSaid) {
  auto sidecar = KilledSidecar::Start(Options("exit 3"), 0.1);
  ASSERT_TRUE(sidecar.ok()) << sidecar.status();
  ASSERT_TRUE(WaitForKills(**sidecar, 1));
  const absl::Status end = (*sidecar)->Stop();
  EXPECT_EQ(end.code(), absl::StatusCode::kAborted) << end;
}

}  // namespace
}  // namespace sluice::study
