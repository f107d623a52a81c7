// deploy/examples/watch_run.py against a real sidecar, if its packages are installed.
#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/common/peers.h"
#include "tests/sidecar/ctl/live_sidecar.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class PythonExample : public LiveSidecar {
 protected:
  void SetUp() override {
    if (::access(SLUICE_VENV_PYTHON, X_OK) != 0 ||
        Program({SLUICE_VENV_PYTHON, "-c", "import grpc, grpc_tools.protoc"}).Wait().code != 0) {
      SLUICE_PEER_IS_MISSING(
          "grpcio and grpcio-tools are not in .deps/venv; deploy/local.sh test puts them there "
          "(group `examples` of deploy/python.txt)");
    }
  }
  static Finished Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {SLUICE_VENV_PYTHON, SLUICE_EXAMPLES "/watch_run.py"});
    return Program(std::move(arguments)).Wait();
  }
};

TEST_F(PythonExample, ListsRunsAndWatchesOne) {
  const auto rank = Feed("a", 10);
  const Finished done = Run({"--sidecar", sidecar_.grpc(), "--count", "1"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, StartsWith("runs: a\nstep 10  loss 1.5000  layer 2: threshold 0."));
  EXPECT_THAT(done.out, HasSubstr("rate 0.400"));
}

TEST_F(PythonExample, WatchesTheRunNamedToItsEnd) {
  const auto rank = Feed("a", 10);
  End("a", 10, rank.get());
  const auto newer = Feed("b", 1);
  const Finished done = Run({"--sidecar", sidecar_.grpc(), "--run", "a"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, StartsWith("runs: b, a\nstep 10  "));
  EXPECT_THAT(done.out, HasSubstr("\na has ended\n"));
}

TEST_F(PythonExample, ErrorsAreOneLine) {
  const Finished unknown = Run({"--sidecar", sidecar_.grpc(), "--run", "b"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_EQ(unknown.err, "watch_run.py: NOT_FOUND: run 'b' is not known\n");
  EXPECT_EQ(Run({"--sidecar", sidecar_.grpc()}).err,
            "watch_run.py: sidecar " + sidecar_.grpc() + " knows no run, expected at least one\n");
}

}  // namespace
}  // namespace sluice::ctl
