#include "sidecar/relay/relay_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/daemon/daemon_options.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

std::string Error(const std::vector<std::string>& arguments) {
  DaemonOptions options;
  return std::string(ParseDaemonOptions(arguments, options).status().message());
}

TEST(RelaySettings, OptionsMakeARelay) {
  DaemonOptions options;
  EXPECT_FALSE(options.relay.on());
  ASSERT_TRUE(
      *ParseDaemonOptions({"--relay", "root:50551", "--state", "any", "--upstream.tls.ca", "ca.pem",
                           "--upstream.token-file", "token", "--upstream.hold-seconds", "0.1",
                           "--upstream.stall-seconds", "3", "--limits.streams", "16"},
                          options));
  EXPECT_TRUE(options.relay.on());
  EXPECT_EQ(options.relay.upstream, "root:50551");
  EXPECT_EQ(options.relay.tls.ca, "ca.pem");
  EXPECT_EQ(options.relay.tls.token_file, "token");
  EXPECT_EQ(options.relay.hold_seconds, 0.1);
  EXPECT_EQ(options.relay.stall_seconds, 3.0);
}

TEST(RelaySettings, AnAddressThatIsNoneIsAnError) {
  EXPECT_THAT(Error({"--relay", "nowhere"}),
              HasSubstr("relay: 'nowhere' is not an address, expected HOST:PORT"));
  EXPECT_THAT(Error({"--relay", "root:0"}),
              HasSubstr("relay: 'root:0' has port 0, expected one in [1, 65535]"));
}

TEST(RelaySettings, WhatARelayHasNoUseForIsAnErrorAndNotIgnored) {
  for (const std::vector<std::string>& option :
       std::vector<std::vector<std::string>>{{"--threshold.window", "5"},
                                             {"--guard.low", "0.2"},
                                             {"--breaker.raise", "0.1"},
                                             {"--dormant.below", "0.1"},
                                             {"--history.windows", "100"},
                                             {"--audit.files", "2"},
                                             {"--limits.watches", "2"},
                                             {"--limits.lanes", "2"},
                                             {"--limits.changes-per-minute", "2"}}) {
    EXPECT_THAT(Error({"--relay", "root:1", option[0], option[1]}),
                HasSubstr(option[0].substr(2) + " is given, expected none beside relay"));
  }
  EXPECT_THAT(Error({"--upstream.hold-seconds", "1"}),
              HasSubstr("upstream.hold-seconds is given, expected relay beside it"));
}

TEST(RelaySettings, ARelayDoesNotCallItself) {
  const auto error = [](const std::string& upstream, const std::string& listen) {
    RelaySettings settings;
    settings.upstream = upstream;
    return std::string(CheckNotItself(settings, listen).message());
  };
  EXPECT_THAT(error("10.0.0.7:50551", "10.0.0.7:50551"),
              HasSubstr("relay: '10.0.0.7:50551' is this relay itself"));
  EXPECT_NE(error("localhost:7", "127.0.0.1:7"), "");
  EXPECT_NE(error("127.0.0.1:7", "0.0.0.0:7"), "");
  EXPECT_NE(error("[::1]:7", "[::]:7"), "");
  EXPECT_EQ(error("127.0.0.1:8", "127.0.0.1:7"), "");
  EXPECT_EQ(error("10.0.0.7:7", "127.0.0.1:7"), "");
  EXPECT_EQ(error("root:7", "0.0.0.0:7"), "");
}

}  // namespace
}  // namespace sluice::sidecar
