#include "worker/launch/sidecar_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/file.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/launch/shell.h"

namespace sluice::launch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// Stands for the sidecar: a script that gets its flags.
class SidecarProcessTest : public testing::Test {
 protected:
  SidecarOptions Script(const std::string& script) {
    const std::string path = folder_.Path("sidecar");
    EXPECT_TRUE(WriteFileAtomically(path, "#!/bin/sh\n" + script + "\n").ok());
    ::chmod(path.c_str(), 0755);
    return {.program = path, .state = folder_.Path("state")};
  }
  TemporaryFolder folder_;
};

constexpr char kLine[] =
    "echo '{\"grpc\":\"127.0.0.1:4001\",\"http\":\"127.0.0.1:4002\",\"pid\":1}'\n";

TEST_F(SidecarProcessTest, SaysWhereItListens) {
  SidecarOptions options =
      Script("echo \"$@\" > " + folder_.Path("flags") + "\ntrap 'exit 0' TERM\n" + kLine +
             "while :; do sleep 0.02; done");
  options.arguments = {"--extra"};
  auto sidecar = SidecarProcess::Start(options);
  ASSERT_TRUE(sidecar.ok()) << sidecar.status();
  EXPECT_EQ(sidecar->grpc().ToString(), "127.0.0.1:4001");
  EXPECT_EQ(sidecar->http().port, 4002);
  EXPECT_EQ(*ReadFile(folder_.Path("flags")), "--listen 127.0.0.1:0 --http 127.0.0.1:0 --state " +
                                                  options.state + " --json - --extra\n");
  EXPECT_TRUE(sidecar->Stop(seconds(10)).ok());
}

TEST_F(SidecarProcessTest, StopKillsOneThatDoesNotObey) {
  auto sidecar = SidecarProcess::Start(Script(std::string("trap '' TERM\n") + kLine + kStubborn));
  ASSERT_TRUE(sidecar.ok()) << sidecar.status();
  const absl::Status status = sidecar->Stop(milliseconds(100));
  EXPECT_THAT(std::string(status.message()), HasSubstr("signal 9"));
}

TEST_F(SidecarProcessTest, OneThatFailsToStartIsAnError) {
  EXPECT_TRUE(absl::IsUnavailable(SidecarProcess::Start(Script("exit 1")).status()));
  SidecarOptions silent = Script("exec sleep 100");
  silent.start_timeout = milliseconds(100);
  EXPECT_TRUE(absl::IsDeadlineExceeded(SidecarProcess::Start(silent).status()));
  for (const char* line : {"hello", "{\"grpc\":1}", "{\"grpc\":\"127.0.0.1:1\"}",
                           "{\"grpc\":\"nowhere\",\"http\":\"127.0.0.1:1\"}"}) {
    const auto status =
        SidecarProcess::Start(Script(std::string("echo '") + line + "'; exec sleep 100")).status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(line));
  }
}

TEST(SiblingProgramTest, IsNextToTheRunningProgram) {
  const auto path = SiblingProgram("launch_test");
  ASSERT_TRUE(path.ok());
  EXPECT_TRUE(std::filesystem::exists(*path)) << *path;
}

}  // namespace
}  // namespace sluice::launch
