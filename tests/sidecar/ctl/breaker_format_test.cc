#include "sidecar/ctl/breaker_format.h"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

v1::RunState StateFrom(const std::string& json) {
  v1::RunState state;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &state);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return state;
}

TEST(CtlBreakerFormat, LevelAndProbes) {
  const auto state = StateFrom(
      // A delimiter, because the name (other) ends with a bracket before its quote.
      R"json({"run": "a",
          "directive": {"breaker_action": "BREAKER_ACTION_REHEARSE", "rehearsal_share": 0.25},
          "breaker": {"level": 3, "highest_level": 5, "since_step": "90", "reason": "probe\nold",
                      "rollbacks": 1, "most_rollbacks": 2},
          "probes": [{"probe": "(other)", "checks_ok": "6", "checks_worse": "7"},
                     {"probe": "old", "step": "90", "loss_delta": 0.05, "limit": 0.02,
                      "checks_ok": "4", "checks_worse": "9", "worse_in_a_row": 2}]})json");
  EXPECT_EQ(BreakerText(state),
            "run              a\n"
            "breaker level    3 of 5 allowed\n"
            "action           rehearse\n"
            "rehearsal share  0.250\n"
            "roll-backs       1 of 2\n"
            "since step       90\n"
            "reason           probe old\n"
            "\n"
            "PROBE    STEP  LOSS DELTA   LIMIT  OK  WORSE  WORSE IN A ROW  CALM IN A ROW\n"
            "(other)     0           -       -   6      7               0              0\n"
            "old        90     +0.0500  0.0200   4      9               2              0\n");
}

TEST(CtlBreakerFormat, AClosedBreakerWithoutProbes) {
  EXPECT_EQ(BreakerText(StateFrom(R"({"run": "a", "breaker": {"highest_level": 2}})")),
            "run              a\n"
            "breaker level    0 of 2 allowed\n"
            "action           none\n"
            "rehearsal share  0.000\n"
            "roll-backs       0 of 0\n"
            "since step       0\n"
            "reason           -\n");
}

}  // namespace
}  // namespace sluice::ctl
