#include "common/host_port.h"

#include "tests/common/says.h"

namespace sluice {
namespace {

TEST(HostPort, ReadsAndWritesTheSame) {
  for (const std::string text :
       {"127.0.0.1:0", "localhost:65535", "[::1]:50551", "[fe80::1%eth0]:1", "a-b.example:80"}) {
    const auto address = ParseHostPort(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(ParseHostPort("[::1]:50551")->host, "::1");
  EXPECT_EQ(ParseHostPort("[::1]:50551")->port, 50551);
}

TEST(HostPort, RefusesWhatIsNoAddress) {
  for (const std::string text :
       {"", "localhost", "localhost:", ":80", "localhost:65536", "localhost:-1", "localhost:x",
        "localhost:8 0", "localhost: 80", "localhost:+80", "::1:80", "[::1]", "[]:80", "[::1:80",
        "::1]:80", "a b:80"}) {
    EXPECT_TRUE(SaysInvalid(ParseHostPort(text).status(), {"'" + text + "'", "HOST:PORT"}));
  }
}

}  // namespace
}  // namespace sluice
