#include "common/security/tls_config.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/common/security/certificates.h"
#include "tests/common/temporary_folder.h"

namespace sluice::security {
namespace {

using certificates::Authority;
using certificates::Pair;

class TlsConfig : public ::testing::Test {
 protected:
  absl::Status Server(const std::string& cert, const std::string& key,
                      const std::string& client_ca = "") const {
    return CheckServerTls("tls.", {cert, key, client_ca});
  }

  const TemporaryFolder folder_;
  const Authority authority_{folder_.path(), "a"};
  const Pair pair_ = authority_.Server();
  const Pair other_ = authority_.Server("other");
};

TEST_F(TlsConfig, FilesThatFitEachOtherAreGood) {
  EXPECT_TRUE(Server("", "").ok());
  EXPECT_TRUE(Server(pair_.cert, pair_.key).ok());
  EXPECT_TRUE(Server(pair_.cert, pair_.key, authority_.ca()).ok());
  EXPECT_TRUE(CheckClientTls("tls.", {}).ok());
  EXPECT_TRUE(CheckClientTls("tls.", {authority_.ca(), "", "", "", ""}).ok());
  EXPECT_TRUE(CheckClientTls("tls.", {authority_.ca(), pair_.cert, pair_.key, "x", ""}).ok());
}

TEST_F(TlsConfig, OneWithoutTheOtherIsNamed) {
  EXPECT_TRUE(SaysInvalid(Server(pair_.cert, ""), {"tls.key is missing", "beside tls.cert"}));
  EXPECT_TRUE(SaysInvalid(Server("", pair_.key), {"tls.cert is missing"}));
  EXPECT_TRUE(SaysInvalid(Server("", "", authority_.ca()), {"tls.cert is missing"}));
  EXPECT_TRUE(SaysInvalid(CheckClientTls("tls-", {"", pair_.cert, pair_.key, "", ""}),
                          {"tls-ca is missing"}));
  EXPECT_TRUE(SaysInvalid(CheckClientTls("tls-", {authority_.ca(), pair_.cert, "", "", ""}),
                          {"tls-key is missing"}));
  EXPECT_TRUE(SaysInvalid(CheckClientTls("tls-", {authority_.ca(), "", pair_.key, "", ""}),
                          {"tls-cert is missing"}));
}

TEST_F(TlsConfig, AFileThatIsNotWhatItShouldBeIsNamed) {
  const std::string text = folder_.Write("text", "hello");
  const std::string none = folder_.Path("none");
  EXPECT_TRUE(SaysInvalid(Server(pair_.cert, other_.key),
                          {"tls.key is '" + other_.key, "the key of the certificate"}));
  EXPECT_TRUE(
      SaysInvalid(Server(text, pair_.key), {"tls.cert is '" + text, "a certificate in PEM"}));
  EXPECT_TRUE(SaysInvalid(Server(pair_.cert, text), {"tls.key is '" + text, "a private key"}));
  EXPECT_TRUE(SaysInvalid(Server(pair_.cert, pair_.key, text), {"tls.client-ca is '" + text}));
  EXPECT_TRUE(Says(Server(none, pair_.key), absl::StatusCode::kNotFound, {"tls.cert", none}));
  const Pair old = authority_.Expired("old", {});
  EXPECT_TRUE(SaysInvalid(Server(old.cert, old.key), {"tls.cert", "has not expired"}));
}

TEST_F(TlsConfig, ATokenIsAFilesFirstLine) {
  EXPECT_EQ(*ReadToken(folder_.Write("t", "  abc\nmore\n")), "abc");
  EXPECT_TRUE(SaysInvalid(ReadToken(folder_.Write("e", "\n")).status(), {"expected a token"}));
  EXPECT_TRUE(SaysInvalid(ReadToken(folder_.Write("s", "a b")).status(), {"without blanks"}));
  EXPECT_FALSE(CheckClientTls("tls.", {"", "", "", "", folder_.Path("none")}).ok());
}

}  // namespace
}  // namespace sluice::security
