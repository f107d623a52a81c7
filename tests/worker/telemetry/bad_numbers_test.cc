// Every number of a directive: not finite, negative and huge. The last good one stays.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/common/numeric_fields.h"
#include "tests/sidecar/testing/examples.h"
#include "worker/telemetry/directive_inbox.h"
#include "worker/telemetry/wire.h"

namespace sluice::telemetry {
namespace {

constexpr uint32_t kLayer = 2;  // Of the example.

TEST(BadNumbers, OfADirectiveAreRefusedWithAReasonAndTheLastGoodOneStays) {
  const v1::Directive good = sidecar::testing::ExampleDirective();
  int numbers = 0;
  v1::Directive scratch = good;
  const auto missing = VisitNumericFields(&scratch, [&](const NumericField& at) {
    constexpr double kLargest = std::numeric_limits<double>::max();
    std::vector<double> values = {kLargest};
    if (at.is_floating()) {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      values.insert(values.end(), {std::nan(""), kInfinity, -kInfinity, -1.0, -kLargest});
    }
    for (double value : values) {
      SCOPED_TRACE(at.path + " = " + std::to_string(value));
      DirectiveInbox inbox("run-1", {kLayer}, 0);
      ASSERT_FALSE(inbox.Offer(FromProto(good)).has_value());
      const std::unique_ptr<google::protobuf::Message> before(at.message->New());
      before->CopyFrom(*at.message);
      scratch.set_version(good.version() + 1);
      at.Set(value);
      const auto refused = inbox.Offer(FromProto(scratch));
      at.message->CopyFrom(*before);
      ASSERT_TRUE(refused.has_value());
      EXPECT_EQ(refused->reason, RefusalReason::kOutOfRange);
      EXPECT_FALSE(refused->detail.empty());
      EXPECT_EQ(*inbox.Take(), FromProto(good));
      EXPECT_EQ(inbox.accepted(), 1u);
      EXPECT_EQ(inbox.last_version(), good.version());
      ++numbers;
    }
  });
  EXPECT_TRUE(missing.empty());
  EXPECT_GT(numbers, 20);
}

}  // namespace
}  // namespace sluice::telemetry
