// `sluicectl watch` on a real terminal: a pseudo terminal of the kernel's.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/sidecar/ctl/live_sidecar.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CtlTerminal : public LiveSidecar {
 protected:
  // Watches run `a` on a terminal of this kind.
  void Watch(const std::string& kind) {
    std::vector<std::string> arguments = CtlCommand(With({"watch", "a"}));
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    winsize size{.ws_row = 40, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
    int terminal = -1;
    pid_ = ::forkpty(&terminal, nullptr, nullptr, &size);
    if (pid_ == 0) {
      ::setenv("TERM", kind.c_str(), 1);
      ::execv(raw[0], raw.data());
      ::_exit(127);
    }
    terminal_ = FileDescriptor(terminal);
    ASSERT_EQ(::fcntl(terminal, F_SETFL, O_NONBLOCK), 0);
  }
  // What was written up to and including `text`.
  std::string ReadTo(const std::string& text) {
    const size_t begin = read_;
    EXPECT_TRUE(WaitUntil([&] {
      char buffer[4096];
      ssize_t n = 0;
      while ((n = ::read(terminal_.get(), buffer, sizeof(buffer))) > 0) {
        written_.append(buffer, static_cast<size_t>(n));
      }
      return written_.find(text, begin) != std::string::npos;
    })) << "no '"
        << text << "' in '" << written_.substr(begin) << "'";
    const size_t at = written_.find(text, begin);
    read_ = at == std::string::npos ? written_.size() : at + text.size();
    return written_.substr(begin, read_ - begin);
  }
  ~CtlTerminal() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  pid_t pid_ = -1;
  FileDescriptor terminal_;
  std::string written_;
  size_t read_ = 0;
};

TEST_F(CtlTerminal, EachUpdateGoesOverTheOneBefore) {
  const auto rank = Feed("a", 10);
  Watch("xterm");
  EXPECT_THAT(ReadTo("\x1b[J"), StartsWith("run a   live   step 10 "));
  EXPECT_EQ(Ctl({"set-threshold", "a", "--layer", "2", "--threshold", "0.45"}).code, 0);
  const std::string second = ReadTo("\x1b[J");
  EXPECT_THAT(second, StartsWith("\x1b["));
  EXPECT_THAT(second, HasSubstr("A\rrun a   live   step 10 "));
  EXPECT_THAT(second, HasSubstr("set by hand"));
  // The terminal's own Ctrl-C.
  ASSERT_EQ(::write(terminal_.get(), "\x03", 1), 1);
  int status = -1;
  EXPECT_TRUE(WaitUntil([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }));
  pid_ = -1;
  EXPECT_EQ(status, 0);
}

TEST_F(CtlTerminal, ASimpleTerminalGetsLines) {
  const auto rank = Feed("a", 10);
  Watch("dumb");
  EXPECT_THAT(ReadTo("live         10     1     0"), StartsWith("STATE      STEP"));
  EXPECT_THAT(written_, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace sluice::ctl
