#include "worker/launch/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <filesystem>

#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/worker/launch/shell.h"

namespace sluice::launch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

TEST(ChildProcessTest, SaysHowItEnded) {
  auto child = ChildProcess::Start(Shell("exit 3"));
  ASSERT_TRUE(child.ok()) << child.status();
  const auto exit = child->Wait(seconds(10));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 3);
  EXPECT_FALSE(exit->ok());
  EXPECT_EQ(exit->ToString(), "exited with code 3");
  EXPECT_EQ(child->Wait(milliseconds(0))->code, 3);
  EXPECT_TRUE(child->Kill(SIGTERM).ok());
}

TEST(ChildProcessTest, SaysWhichSignalEndedIt) {
  auto child = ChildProcess::Start(Shell("exec sleep 100"));
  ASSERT_TRUE(child->Kill(SIGKILL).ok());
  const auto exit = child->Wait(seconds(10));
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->signal, SIGKILL);
  EXPECT_EQ(exit->ToString(), "was killed by signal 9 (Killed)");
}

TEST(ChildProcessTest, WaitKeepsItsDeadline) {
  auto child = ChildProcess::Start(Shell("exec sleep 100"));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(absl::IsDeadlineExceeded(child->Wait(milliseconds(50)).status()));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
}

TEST(ChildProcessTest, TerminateKillsAStubbornChild) {
  ChildOptions options = Shell(std::string("trap '' TERM; echo up; ") + kStubborn);
  options.capture_stdout = true;
  auto child = ChildProcess::Start(options);
  ASSERT_EQ(*child->ReadLine(seconds(10)), "up");
  EXPECT_EQ(child->Terminate(milliseconds(100))->signal, SIGKILL);
}

TEST(ChildProcessTest, PassesArgumentsAndEnvironment) {
  ChildOptions options = Shell("echo \"$SLUICE_A-$HOME-$0\"; echo second");
  options.arguments.push_back("with space");
  options.environment = {"SLUICE_A=x=y", "HOME=/nowhere"};
  options.capture_stdout = true;
  auto child = ChildProcess::Start(options);
  EXPECT_EQ(*child->ReadLine(seconds(10)), "x=y-/nowhere-with space");
  EXPECT_EQ(*child->ReadLine(seconds(10)), "second");
  EXPECT_TRUE(absl::IsUnavailable(child->ReadLine(seconds(10)).status()));
}

TEST(ChildProcessTest, LinesReachAChildAndItsEndIsToldWithoutASignal) {
  ChildOptions options = Shell("while read line; do echo \"got $line\"; done; echo end");
  options.capture_stdout = true;
  options.feed_stdin = true;
  auto child = ChildProcess::Start(options);
  for (const char* line : {"one", "two words"}) {
    ASSERT_TRUE(child->WriteLine(line).ok());
    EXPECT_EQ(*child->ReadLine(seconds(10)), std::string("got ") + line);
  }
  ASSERT_TRUE(child->Kill(SIGKILL).ok());
  ASSERT_TRUE(child->Wait(seconds(10)).ok());
  EXPECT_TRUE(absl::IsUnavailable(child->WriteLine("three")));
}

TEST(ChildProcessTest, AChildThatReadsNothingIsNotWaitedFor) {
  ChildOptions options = Shell("exec sleep 100");
  options.feed_stdin = true;
  auto child = ChildProcess::Start(options);
  absl::Status status;
  for (int i = 0; i < 10000 && status.ok(); ++i) status = child->WriteLine(std::string(4000, 'x'));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST(ChildProcessTest, ReadLineKeepsItsDeadline) {
  ChildOptions options = Shell("printf half; exec sleep 100");
  options.capture_stdout = true;
  auto child = ChildProcess::Start(options);
  EXPECT_TRUE(absl::IsDeadlineExceeded(child->ReadLine(milliseconds(100)).status()));
}

TEST(ChildProcessTest, AProgramThatCannotRunIsNamed) {
  const auto child = ChildProcess::Start({.program = "/nonexistent/sluice"});
  EXPECT_TRUE(absl::IsNotFound(child.status()));
  EXPECT_THAT(std::string(child.status().message()), HasSubstr("/nonexistent/sluice"));
  EXPECT_TRUE(absl::IsPermissionDenied(ChildProcess::Start({.program = "/etc/passwd"}).status()));
}

TEST(ChildProcessTest, TheDestructorLeavesNoProcess) {
  pid_t pid = 0;
  {
    auto child = ChildProcess::Start(Shell("exec sleep 100"));
    pid = child->pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

// The launcher is killed without a chance to clean up; its child must not outlive it.
TEST(ChildProcessTest, ADyingParentTakesItsChildAlong) {
  const TemporaryFolder folder;
  const std::string note = folder.Path("ended");
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto child =
        ChildProcess::Start(Shell("trap 'echo ended > " + note + "; exit' TERM; echo $$ > " + note +
                                  ".up; while :; do sleep 0.02; done"));
    ::pause();
    ::_exit(child.ok() ? 0 : 1);
  }
  EXPECT_TRUE(WaitUntil([&] { return std::filesystem::exists(note + ".up"); }));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(WaitUntil([&] { return std::filesystem::exists(note); }));
}

}  // namespace
}  // namespace sluice::launch
