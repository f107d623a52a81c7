#include "sidecar/wire/directive.h"

#include <gtest/gtest.h>

#include "sidecar/engine/refusal.h"

namespace sluice::sidecar {
namespace {

TEST(DirectiveWire, EveryFieldComesBack) {
  const Directive directive{"r",
                            7,
                            {{2, 0.3, 0.25}, {5, 1.0, 0.0}},
                            {{"blocks.3", 2.5}},
                            0.125,
                            BreakerAction::kRollBack,
                            4u,
                            "because",
                            90};
  v1::Directive proto;
  proto.add_layers();  // What was in the message before is gone.
  DirectiveToProto(directive, &proto);
  const auto read = DirectiveFromProto(proto);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, directive);
}

TEST(DirectiveWire, NoActionIsNoneAndAnUnknownOneIsRefused) {
  v1::Directive proto;
  EXPECT_EQ(DirectiveFromProto(proto)->breaker_action, BreakerAction::kNone);
  proto.set_breaker_action(static_cast<v1::BreakerAction>(17));
  EXPECT_EQ(ReasonOf(DirectiveFromProto(proto).status()), RefusalReason::kUnknown);
}

}  // namespace
}  // namespace sluice::sidecar
