// What a call's end means to the user.
#include <gtest/gtest.h>

#include "sidecar/ctl/client.h"
#include "tests/common/says.h"

namespace sluice::ctl {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;

absl::Status Explained(grpc::StatusCode code, const std::string& message = "why") {
  return Explain({code, message}, {"worker", "h:1", "sluice.v1.Worker"}, milliseconds(250));
}

TEST(CtlExplain, SaysWhomAndWhatWasExpected) {
  EXPECT_TRUE(Explained(grpc::StatusCode::OK).ok());
  EXPECT_TRUE(Says(Explained(grpc::StatusCode::UNAVAILABLE), StatusCode::kUnavailable,
                   {"worker h:1 is not reachable, expected a sluice-worker there: why"}));
  EXPECT_TRUE(Says(Explained(grpc::StatusCode::DEADLINE_EXCEEDED), StatusCode::kDeadlineExceeded,
                   {"worker h:1 did not answer, expected an answer within 0.25 s (--timeout)"}));
  EXPECT_TRUE(Says(Explained(grpc::StatusCode::UNIMPLEMENTED), StatusCode::kUnimplemented,
                   {"worker h:1 does not know this call, expected service sluice.v1.Worker"}));
  EXPECT_TRUE(Says(Explained(grpc::StatusCode::NOT_FOUND), StatusCode::kNotFound,
                   {"why, expected what 'sluicectl runs'"}));
}

TEST(CtlExplain, OtherCodesStayAsTheyAre) {
  const std::pair<grpc::StatusCode, StatusCode> codes[] = {
      {grpc::StatusCode::INVALID_ARGUMENT, StatusCode::kInvalidArgument},
      {grpc::StatusCode::FAILED_PRECONDITION, StatusCode::kFailedPrecondition},
      {grpc::StatusCode::ABORTED, StatusCode::kAborted},
      {grpc::StatusCode::CANCELLED, StatusCode::kCancelled},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, StatusCode::kResourceExhausted},
      {grpc::StatusCode::INTERNAL, StatusCode::kInternal}};
  for (const auto& [from, to] : codes) {
    EXPECT_TRUE(Says(Explained(from), to, {"worker h:1: why"}));
  }
}

TEST(CtlExplain, StaysOneLine) {
  for (const auto code :
       {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::NOT_FOUND, grpc::StatusCode::ABORTED}) {
    const std::string message(Explained(code, "a\nb\x1b[2J").message());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(message.find('\x1b'), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace sluice::ctl
