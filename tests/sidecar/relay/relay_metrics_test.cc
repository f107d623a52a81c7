#include "sidecar/relay/relay_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <sstream>

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

TEST(RelayMetrics, EachFigureUnderItsName) {
  const RelayStats stats{.ranks = 8,
                         .messages = 100,
                         .forwarded = 60,
                         .merged = 39,
                         .waiting_bytes = 4096,
                         .reconnects = 2,
                         .connected = true};
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, RelayMetrics(stats, {{"permission_denied", 3}}));
  const std::string text = out.str();
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_relay_ranks gauge\nsluice_relay_ranks 8\n"));
  EXPECT_THAT(text, HasSubstr("sluice_relay_upstream_up 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_relay_waiting_bytes 4096\n"));
  EXPECT_THAT(
      text,
      HasSubstr("# TYPE sluice_relay_messages_total counter\nsluice_relay_messages_total 100\n"));
  EXPECT_THAT(text, HasSubstr("sluice_relay_forwarded_total 60\n"));
  EXPECT_THAT(text, HasSubstr("sluice_relay_merged_total 39\n"));
  EXPECT_THAT(text, HasSubstr("sluice_relay_reconnects_total 2\n"));
  EXPECT_THAT(text, HasSubstr("sluice_rejected_total{reason=\"permission_denied\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sluice_build_info{version=\""));
}

}  // namespace
}  // namespace sluice::sidecar
