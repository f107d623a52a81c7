#include "tests/common/peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "tests/common/temporary_folder.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using ::testing::TestPartResult;

// Sets a variable of the environment for one test; without a value it is not there.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    if (value != nullptr) {
      ::setenv(name, value, 1);
    } else {
      ::unsetenv(name);
    }
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() {
    if (before_.has_value()) {
      ::setenv(name_, before_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

// What a test without its peer comes to.
TestPartResult WithoutPeer() {
  ::testing::TestPartResultArray results;
  {
    ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    [] { SLUICE_PEER_IS_MISSING("no such program"); }();
  }
  EXPECT_EQ(results.size(), 1);
  return results.GetTestPartResult(0);
}

TEST(Peers, OneThatIsMissingFailsWhereItIsRequired) {
  const ScopedVariable required("SLUICE_TEST_PEERS", "required");
  const TestPartResult result = WithoutPeer();
  EXPECT_TRUE(result.fatally_failed());
  EXPECT_THAT(result.message(), HasSubstr("no such program; with SLUICE_TEST_PEERS=required"));
}

TEST(Peers, ElsewhereOneThatIsMissingSkips) {
  for (const char* value : {static_cast<const char*>(nullptr), "", "optional"}) {
    const ScopedVariable optional("SLUICE_TEST_PEERS", value);
    const TestPartResult result = WithoutPeer();
    EXPECT_TRUE(result.skipped());
    EXPECT_THAT(result.message(), HasSubstr("no such program"));
  }
}

TEST(Peers, AProgramIsFoundByPath) {
  const TemporaryFolder folder;
  const std::string program = folder.Write("second/program", "");
  std::filesystem::create_directories(folder.Path("first"));
  const std::string path = folder.Path("first") + ":" + folder.Path("second");
  const ScopedVariable variable("PATH", path.c_str());
  EXPECT_EQ(ProgramInPath("program"), "") << "it may not be executed";
  ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
  EXPECT_EQ(ProgramInPath("program"), program);
  EXPECT_EQ(ProgramInPath("another"), "");
}

}  // namespace
}  // namespace sluice
