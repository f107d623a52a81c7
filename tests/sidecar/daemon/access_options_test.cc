#include "sidecar/daemon/access_options.h"

#include <gtest/gtest.h>

#include "sidecar/daemon/daemon_options.h"
#include "tests/common/says.h"

namespace sluice::sidecar {
namespace {

using std::chrono::milliseconds;

TEST(AccessOptions, ValuesReachTheLimitsAndTheGuard) {
  DaemonOptions options;
  ASSERT_TRUE(*ParseDaemonOptions({"--tls.cert",
                                   "c",
                                   "--tls.key",
                                   "k",
                                   "--tls.client-ca",
                                   "a",
                                   "--auth.tokens",
                                   "t",
                                   "--limits.streams",
                                   "7",
                                   "--limits.streams-per-peer",
                                   "3",
                                   "--limits.hello-seconds",
                                   "0.25",
                                   "--limits.messages-per-second",
                                   "50",
                                   "--limits.changes-per-minute",
                                   "9",
                                   "--limits.message-bytes",
                                   "2048",
                                   "--limits.handshake-seconds",
                                   "2",
                                   "--limits.watches",
                                   "5",
                                   "--audit.max-bytes",
                                   "5000",
                                   "--audit.files",
                                   "2",
                                   "--http.token-file",
                                   "h",
                                   "--http.tls.cert",
                                   "hc",
                                   "--http.tls.key",
                                   "hk",
                                   "--http.tls.client-ca",
                                   "ha"},
                                  options));
  const AccessOptions& access = options.access;
  EXPECT_EQ(access.tls.cert + access.tls.key + access.tls.client_ca, "cka");
  EXPECT_EQ(access.http_tls.cert + access.http_tls.key + access.http_tls.client_ca, "hchkha");
  EXPECT_EQ(access.http_token_file, "h");
  EXPECT_EQ(access.message_bytes, 2048);
  EXPECT_EQ(access.handshake_seconds, 2.0);
  EXPECT_EQ(access.watches, 5);
  const StreamLimits limits = access.Streams();
  EXPECT_EQ(limits.streams, 7u);
  EXPECT_EQ(limits.streams_per_peer, 3u);
  EXPECT_EQ(limits.hello, milliseconds(250));
  EXPECT_EQ(limits.messages_per_second, 50.0);
  const security::GuardOptions guard = access.Guard("state");
  EXPECT_TRUE(guard.certificates);
  EXPECT_EQ(guard.token_file, "t");
  EXPECT_EQ(guard.calls_per_minute, 9.0);
  EXPECT_EQ(guard.audit_path, "state/audit.jsonl");
  EXPECT_EQ(guard.audit_bytes, 5000u);
  EXPECT_EQ(guard.audit_files, 2);
  EXPECT_FALSE(AccessOptions().Guard("state").certificates);
}

TEST(AccessOptions, AnOpenAddressIsChosenKnowingly) {
  const auto parsed = [](const std::vector<std::string>& arguments) {
    DaemonOptions options;
    return ParseDaemonOptions(arguments, options).status();
  };
  for (const char* open : {"0.0.0.0:0", "[::]:0", "192.0.2.1:1", "sidecar:1"}) {
    EXPECT_TRUE(SaysInvalid(parsed({"--listen", open}),
                            {"listen: '" + std::string(open), "tls.cert", "insecure-listen"}));
    EXPECT_TRUE(parsed({"--listen", open, "--insecure-listen"}).ok());
    EXPECT_TRUE(parsed({"--listen", open, "--tls.cert", "c", "--tls.key", "k"}).ok());
  }
  for (const char* closed : {"127.0.0.1:0", "localhost:0", "[::1]:0"}) {
    EXPECT_TRUE(parsed({"--listen", closed}).ok()) << closed;
  }
}

}  // namespace
}  // namespace sluice::sidecar
