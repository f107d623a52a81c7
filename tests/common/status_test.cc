#include "common/status.h"

#include <memory>

#include "tests/common/says.h"

namespace sluice {
namespace {

absl::StatusOr<std::unique_ptr<int>> Half(int n) {
  if (n % 2 != 0) return absl::InvalidArgumentError("odd");
  return std::make_unique<int>(n / 2);
}

absl::StatusOr<int> Quarter(int n) {
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<int> half, Half(n));
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<int> quarter, Half(*half));
  return *quarter;
}

absl::Status Both(int a, int b) {
  SLUICE_RETURN_IF_ERROR(Half(a).status());
  SLUICE_RETURN_IF_ERROR(Half(b).status());
  return absl::OkStatus();
}

TEST(Status, MacrosPassValuesAndReturnErrors) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_TRUE(SaysInvalid(Quarter(11).status(), {"odd"}));
  EXPECT_TRUE(SaysInvalid(Quarter(10).status(), {"odd"}));
  EXPECT_TRUE(Both(2, 4).ok());
  EXPECT_FALSE(Both(1, 4).ok());
  EXPECT_FALSE(Both(2, 3).ok());
}

TEST(Status, AnnotateKeepsTheCode) {
  EXPECT_TRUE(Says(Annotate(absl::NotFoundError("gone"), "file 'x'"), absl::StatusCode::kNotFound,
                   {"file 'x': gone"}));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "file").ok());
}

TEST(StatusDeathTest, ABrokenInvariantEndsTheProcessAndNamesItself) {
  SLUICE_CHECK(1 + 1 == 2);
  EXPECT_DEATH(SLUICE_CHECK(1 + 1 == 3), "status_test.cc:.*invariant broken: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace sluice
