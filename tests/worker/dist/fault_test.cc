#include "worker/dist/fault.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace sluice::dist {
namespace {

// Each question is asked in a process of its own, because a process reads the variable once.
void ExpectFires(const char* planted, const std::string& name, int rank, uint64_t step,
                 bool expected) {
  EXPECT_EXIT(
      {
        if (planted == nullptr) {
          ::unsetenv("SLUICE_FAULT");
        } else {
          ::setenv("SLUICE_FAULT", planted, 1);
        }
        std::_Exit(FaultFires(name, rank, step) ? 10 : 20);
      },
      testing::ExitedWithCode(expected ? 10 : 20), "")
      << (planted == nullptr ? "nothing" : planted) << " asked for " << name << " on " << rank
      << " at " << step;
}

TEST(FaultDeathTest, FiresOnItsRankAtItsStepOnly) {
  constexpr char kPlanted[] = "version_skew:rank=1,step=20";
  ExpectFires(kPlanted, "version_skew", 1, 20, true);
  ExpectFires(kPlanted, "version_skew", 0, 20, false);
  ExpectFires(kPlanted, "version_skew", 1, 2, false);
  ExpectFires(kPlanted, "version_skew", 1, 200, false);
  ExpectFires(kPlanted, "version_skew", 11, 20, false);
  ExpectFires(kPlanted, "abort", 1, 20, false);
}

TEST(FaultDeathTest, IsSilentWithoutThePlant) {
  ExpectFires(nullptr, "abort", 0, 1, false);
  ExpectFires("", "abort", 0, 1, false);
  ExpectFires("abort", "abort", 0, 1, false);
  ExpectFires("abort:rank=0", "abort", 0, 1, false);
}

TEST(FaultDeathTest, SaysThatItFired) {
  EXPECT_EXIT(
      {
        ::setenv("SLUICE_FAULT", "abort:rank=0,step=3", 1);
        ::dup2(STDERR_FILENO, STDOUT_FILENO);  // Wherever the log goes.
        const bool fired = FaultFires("abort", 0, 3);
        std::fflush(nullptr);
        std::_Exit(fired ? 10 : 20);
      },
      testing::ExitedWithCode(10), "abort:rank=0,step=3");
}

}  // namespace
}  // namespace sluice::dist
