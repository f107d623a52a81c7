#include "worker/dist/nccl_backend.h"

#include <gtest/gtest.h>

#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "tests/common/says.h"

namespace sluice::dist {
namespace {

TEST(NcclBackendTest, ABuildWithoutNcclSaysSoInOneLine) {
  GroupOptions options;
  options.cuda = true;
  const absl::Status status =
      Group::JoinOver(c10::make_intrusive<c10d::HashStore>(), options).status();
  EXPECT_TRUE(Says(status, absl::StatusCode::kUnavailable,
                   {"rank 0 of 1", "device is 'cuda'", "no NCCL", "build the preset cuda"}));
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
}

TEST(NcclBackendTest, ItThrowsBeforeItTouchesTheGroup) {
  const c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::HashStore>();
  EXPECT_THROW(AddNcclBackend(nullptr, store, GroupOptions()), c10::Error);
}

}  // namespace
}  // namespace sluice::dist
