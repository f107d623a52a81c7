// Starts on a state that cannot be used: one line names the file and what is wrong with it, and
// every byte of the state stays as it was. A damaged one is set aside: tests/sidecar/faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>

#include "common/file.h"
#include "sidecar/store/database.h"
#include "tests/common/peers.h"
#include "tests/common/temporary_folder.h"
#include "tests/sidecar/daemon/start.h"
#include "tests/sidecar/testing/rank_client.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::sidecar::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

namespace fs = std::filesystem;
using Contents = std::map<std::string, std::string>;

class BadState : public ::testing::Test {
 protected:
  // A state with run `a` in it up to step `last`.
  void MakeState(uint64_t last = 40) {
    SidecarProcess sidecar(state_);
    RankClient rank(sidecar.grpc(), "a");
    rank.Greet("i");
    for (uint64_t step = 1; step <= last; ++step) rank.Send(step, step);
    ASSERT_TRUE(rank.WaitForAck(last));
    rank.Finish();
    ASSERT_EQ(sidecar.Terminate(), 0);
  }
  std::string Database() const { return state_ + "/sluice.db"; }
  // All files with something in them, but for SQLite's index of the log, which has it from there.
  Contents Files() const {
    Contents contents;
    for (const auto& entry : fs::directory_iterator(state_)) {
      const std::string name = entry.path().filename().string();
      if (name == "sluice.db-shm") continue;
      const std::string bytes = *ReadFile(entry.path().string());
      if (!bytes.empty()) contents[name] = bytes;
    }
    return contents;
  }
  std::string Line(const std::vector<std::string>& before = {}) {
    const EndedStart ended = RunToEnd({"--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
                                       "--state", state_, "--json", folder_.Path("ports")},
                                      before);
    EXPECT_EQ(ended.code, 1) << ended.error;
    EXPECT_EQ(std::count(ended.error.begin(), ended.error.end(), '\n'), 1) << ended.error;
    EXPECT_FALSE(fs::exists(folder_.Path("ports")));
    return ended.error;
  }
  void ExpectRefusedAndUntouched(const std::string& what) {
    const Contents before = Files();
    EXPECT_THAT(Line(), AllOf(HasSubstr("state file '" + Database() + "'"), HasSubstr(what)));
    EXPECT_TRUE(Files() == before) << what << ": the start changed the state";
  }

  const TemporaryFolder folder_;
  std::string state_ = folder_.Path("state");
};

TEST_F(BadState, AFolderThatIsAFile) {
  state_ = folder_.Write("file", "mine");
  EXPECT_THAT(Line(), AllOf(HasSubstr("state: "), HasSubstr("'" + state_ + "'")));
  EXPECT_EQ(*ReadFile(state_), "mine");
}

TEST_F(BadState, AFolderOrAFileThatMayNotBeRead) {
  if (::geteuid() == 0 && ProgramInPath("setpriv").empty()) {
    SLUICE_PEER_IS_MISSING("root may read everything, and setpriv of util-linux is not in PATH");
  }
  // A right is no peer: no package brings it, and a container without it is a sound machine to test
  // on, so that this skips even where peers are required.
  const std::vector<std::string> as_user = WithoutRights();
  if (!as_user.empty() && RunToEnd({"--version"}, as_user).code != 0) {
    GTEST_SKIP() << "root may read everything here, and setpriv has not the right (CAP_SETPCAP) to "
                    "take that away: run the tests as another user, or as a root with all rights";
  }
  MakeState();
  ASSERT_EQ(::chmod(Database().c_str(), 0), 0);
  EXPECT_THAT(Line(as_user), HasSubstr("state file '" + Database() + "': open: unable to open"));
  ASSERT_EQ(::chmod(state_.c_str(), 0), 0);
  EXPECT_THAT(Line(as_user), AllOf(HasSubstr("state: open '" + state_ + "/lock'"),
                                   HasSubstr("Permission denied")));
  ASSERT_EQ(::chmod(state_.c_str(), 0755), 0);
}

TEST_F(BadState, AnotherSchemaIsNamedAndLeftAlone) {
  MakeState();
  const auto execute = [this](const std::string& sql) {
    ASSERT_TRUE(sidecar::Database::Open(Database())->Execute(sql).ok()) << sql;
  };
  execute("PRAGMA user_version=99");
  execute("UPDATE identity SET version=99, row_check=row_check(one, id, 99, commits)");
  ExpectRefusedAndUntouched("user_version 99, expected ");
  execute("PRAGMA application_id=7");
  ExpectRefusedAndUntouched("application_id is 7 ");
}

// A file system of our own that is too small; it ends with this process. The right to mount is no
// peer, as above: without it this skips everywhere.
TEST_F(BadState, NoSpaceLeft) {
  ASSERT_TRUE(MakeFolder(state_).ok());
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", state_.c_str(), "tmpfs", 0, "size=8k") != 0) {
    GTEST_SKIP() << "only a root with the right to mount (CAP_SYS_ADMIN) has this tested; a small "
                    "tmpfs cannot be mounted: "
                 << std::strerror(errno);
  }
  EXPECT_THAT(Line(), AllOf(HasSubstr("state file '" + Database() + "'"),
                            ::testing::AnyOf(HasSubstr("disk is full"), HasSubstr("I/O error"))));
  EXPECT_EQ(::umount(state_.c_str()), 0);
}

}  // namespace
}  // namespace sluice::sidecar::testing
