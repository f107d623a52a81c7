#include "common/security/loopback.h"

#include <gtest/gtest.h>

namespace sluice::security {
namespace {

TEST(Loopback, Hosts) {
  for (const char* host : {"localhost", "127.0.0.1", "127.8.9.1", "::1", "0:0:0:0:0:0:0:1"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"", "0.0.0.0", "::", "128.0.0.1", "127.0.0.1.example", "localhost.com",
                           "10.0.0.1", "fe80::1", "127.1", "sidecar"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(Loopback, Peers) {
  EXPECT_EQ(PeerHost("ipv4:10.1.2.3:5000"), "10.1.2.3");
  EXPECT_EQ(PeerHost("ipv6:%5B::1%5D:5000"), "::1");
  EXPECT_EQ(PeerHost("ipv6:[fe80::2]:5000"), "fe80::2");
  EXPECT_EQ(PeerHost("unix:/x"), "unix:/x");
  for (const char* peer : {"ipv4:127.0.0.1:1", "ipv6:%5B::1%5D:1", "ipv6:[::1]:1", "unix:"}) {
    EXPECT_TRUE(IsLocalPeer(peer)) << peer;
  }
  for (const char* peer : {"ipv4:10.0.0.1:1", "ipv6:%5Bfe80::1%5D:1", "", "127.0.0.1:1",
                           "ipv4:unix:", "dns:localhost:1"}) {
    EXPECT_FALSE(IsLocalPeer(peer)) << peer;
  }
}

}  // namespace
}  // namespace sluice::security
