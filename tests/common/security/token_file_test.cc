#include "common/security/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::security {
namespace {

using absl::StatusCode;
using std::chrono::seconds;

constexpr char kAdminToken[] = "admin-token-0123456789";
constexpr char kRankToken[] = "rank-token-0123456789x";

class Tokens : public ::testing::Test {
 protected:
  // Replaces the file at once, as an operator should.
  void Put(const std::string& text, mode_t mode = 0600) {
    ASSERT_TRUE(WriteFileAtomically(path_, text).ok());
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  absl::Status Opened() const { return TokenFile::Open(path_).status(); }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.Path("tokens");
  std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
};

TEST_F(Tokens, EachGrantsItsRole) {
  Put(std::string("# for the night shift\n\nadmin ") + kAdminToken + "\n worker\t" + kRankToken +
      " run-1\r\n");
  auto file = TokenFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto admin = (*file)->Find(kAdminToken, now_);
  ASSERT_TRUE(admin.has_value());
  EXPECT_TRUE(admin->Has(Role::kAdmin, "any"));
  EXPECT_FALSE(admin->Has(Role::kWorker, ""));
  EXPECT_EQ(admin->name.find(kAdminToken), std::string::npos);
  const auto rank = (*file)->Find(kRankToken, now_);
  ASSERT_TRUE(rank.has_value());
  EXPECT_TRUE(rank->MaySpeakFor("run-1", 5));
  EXPECT_FALSE(rank->MaySpeakFor("run-2", 5));
  for (const char* other : {"", "admin-token-012345678", "admin-token-01234567890",
                            "ADMIN-TOKEN-0123456789", "#", "admin"}) {
    EXPECT_FALSE((*file)->Find(other, now_).has_value()) << other;
  }
}

TEST_F(Tokens, AFileThatCannotBeUsedNamesTheLineAndNoToken) {
  const std::string token = kAdminToken;
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {"root " + token, "line 1: expected the role"},
           {"admin", "line 1: expected ROLE TOKEN [RUN]"},
           {"admin " + token + " r more", "expected ROLE TOKEN [RUN]"},
           {"\n\nadmin short", "line 3: expected a token of 16 to 256"},
           {"admin " + std::string(257, 'x'), "expected a token of 16 to 256"},
           {"admin " + token + " a/b", "line 1: expected the name of a run"}}) {
    Put(text);
    EXPECT_TRUE(SaysInvalid(Opened(), {path_, says}));
    EXPECT_EQ(std::string(Opened().message()).find(token), std::string::npos);
  }
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_TRUE(Says(Opened(), StatusCode::kNotFound, {path_}));
}

TEST_F(Tokens, AFileThatOthersMayReadIsRefused) {
  for (const mode_t mode : {0644, 0604, 0620, 0602}) {
    Put(std::string("admin ") + kAdminToken, mode);
    EXPECT_TRUE(Says(Opened(), StatusCode::kPermissionDenied, {path_, "has mode"})) << mode;
  }
  Put(std::string("admin ") + kAdminToken, 0440);
  EXPECT_TRUE(Opened().ok());
}

TEST_F(Tokens, AChangedFileIsReadAgainAndABadOneIsNot) {
  Put(std::string("admin ") + kAdminToken);
  auto file = TokenFile::Open(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Find(kAdminToken, now_).has_value());
  Put(std::string("reader ") + kRankToken);
  // Looked at once a second.
  EXPECT_TRUE((*file)->Find(kAdminToken, now_ + std::chrono::milliseconds(999)).has_value());
  EXPECT_FALSE((*file)->Find(kAdminToken, now_ += seconds(1)).has_value());
  EXPECT_TRUE((*file)->Find(kRankToken, now_).has_value());
  Put("nonsense");
  EXPECT_TRUE((*file)->Find(kRankToken, now_ += seconds(1)).has_value());
  Put(std::string("admin ") + kAdminToken, 0666);
  EXPECT_TRUE((*file)->Find(kRankToken, now_ += seconds(1)).has_value());
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_TRUE((*file)->Find(kRankToken, now_ += seconds(1)).has_value());
  Put(std::string("admin ") + kAdminToken);
  EXPECT_TRUE((*file)->Find(kAdminToken, now_ += seconds(1)).has_value());
  EXPECT_FALSE((*file)->Find(kRankToken, now_).has_value());
}

}  // namespace
}  // namespace sluice::security
