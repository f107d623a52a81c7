// Starts that cannot succeed: one line names the option, the value and what was expected.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/common/temporary_folder.h"
#include "tests/sidecar/daemon/start.h"
#include "tests/worker/service/held_port.h"

namespace sluice::sidecar::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BadStart : public ::testing::Test {
 protected:
  // The one line of a start with these options, which replace good ones. Whatever was wrong, no
  // file promises ports.
  std::string Line(const std::vector<std::string>& options) {
    std::vector<std::string> arguments = options;
    const std::vector<std::string> good = {"--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
                                           "--state",  state_,        "--json", ports_};
    for (size_t i = 0; i < good.size(); i += 2) {
      if (std::find(options.begin(), options.end(), good[i]) != options.end()) continue;
      arguments.insert(arguments.end(), {good[i], good[i + 1]});
    }
    const EndedStart ended = RunToEnd(arguments);
    EXPECT_EQ(ended.code, 1) << ended.error;
    EXPECT_EQ(std::count(ended.error.begin(), ended.error.end(), '\n'), 1) << ended.error;
    EXPECT_THAT(ended.error, StartsWith("sluice-sidecar: "));
    EXPECT_EQ(ended.out, "");
    EXPECT_FALSE(std::filesystem::exists(ports_));
    return ended.error;
  }

  const TemporaryFolder folder_;
  const std::string state_ = folder_.Path("state");
  const std::string ports_ = folder_.Path("ports");
};

TEST_F(BadStart, AnAddressThatIsNoneLeavesNothingBehind) {
  EXPECT_THAT(Line({"--listen", "nonsense"}),
              HasSubstr("listen: 'nonsense' is not an address, expected HOST:PORT with a port"));
  EXPECT_THAT(Line({"--http", "127.0.0.1:65536"}),
              HasSubstr("http: '127.0.0.1:65536' is not an address, expected HOST:PORT"));
  EXPECT_FALSE(std::filesystem::exists(state_));
}

TEST_F(BadStart, APortInUseIsNamedWithItsOption) {
  const service::HeldPort held;
  ASSERT_NE(held.port(), 0);
  const std::string address = "127.0.0.1:" + std::to_string(held.port());
  EXPECT_THAT(Line({"--listen", address}),
              HasSubstr("listen: cannot listen on " + address + ": in use, or not an address"));
  EXPECT_THAT(Line({"--http", address}),
              HasSubstr("http: cannot listen on " + address + ": Address already in use"));
}

TEST_F(BadStart, AnAddressOfAnotherMachineIsNamed) {
  EXPECT_THAT(Line({"--listen", "192.0.2.1:0"}),
              AllOf(HasSubstr("listen: "), HasSubstr("192.0.2.1:0")));
  EXPECT_THAT(Line({"--http", "192.0.2.1:0"}),
              AllOf(HasSubstr("http: "), HasSubstr("192.0.2.1:0")));
}

TEST_F(BadStart, AFileForThePortsThatCannotBeWrittenIsNamed) {
  const std::string nowhere = folder_.Path("none/ports");
  EXPECT_THAT(Line({"--json", nowhere}),
              AllOf(HasSubstr("json: "), HasSubstr(nowhere), HasSubstr("No such file")));
}

TEST_F(BadStart, AFilesKeysAndValuesAreCheckedAsFlagsAre) {
  const std::string file = folder_.Write("bad.toml", "[threshold]\nwindow = 0\n");
  EXPECT_THAT(Line({"--config", file}),
              HasSubstr("threshold.window is '0', expected an integer in [1, 100000] (from "
                        "configuration file)"));
  EXPECT_THAT(Line({"--config", folder_.Write("unknown.toml", "[guard]\nmiddle = 1\n")}),
              HasSubstr("guard.middle"));
  EXPECT_THAT(Line({"--config", folder_.Path("none.toml")}), HasSubstr(folder_.Path("none.toml")));
  EXPECT_FALSE(std::filesystem::exists(state_));
}

}  // namespace
}  // namespace sluice::sidecar::testing
