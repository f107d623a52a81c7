#include "sidecar/http/http_token.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

TEST(HttpToken, BearerOrTheBrowsersPassword) {
  const TemporaryFolder folder;
  const std::string file = folder.Write("token", "secret-0123\n");
  const auto basic = [](const std::string& pair) {
    return absl::StrCat("Basic ", absl::Base64Escape(pair));
  };
  EXPECT_TRUE(ShowsToken(file, "Bearer secret-0123"));
  EXPECT_TRUE(ShowsToken(file, basic("anyone:secret-0123")));
  EXPECT_TRUE(ShowsToken(file, basic(":secret-0123")));
  for (const std::string& wrong :
       {std::string(""), std::string("secret-0123"), std::string("Bearer "),
        std::string("Bearer secret-012"), std::string("Bearer secret-0123 "),
        std::string("bearer secret-0123"), basic("secret-0123"), basic("secret-0123:"),
        basic("a:b:secret-0123"), std::string("Basic ???")}) {
    EXPECT_FALSE(ShowsToken(file, wrong)) << wrong;
  }
  folder.Write("token", "another\n");
  EXPECT_FALSE(ShowsToken(file, "Bearer secret-0123"));
  EXPECT_TRUE(ShowsToken(file, "Bearer another"));
  EXPECT_FALSE(ShowsToken(folder.Path("none"), "Bearer "));
  EXPECT_FALSE(ShowsToken(folder.Write("empty", ""), "Bearer "));
}

}  // namespace
}  // namespace sluice::sidecar
