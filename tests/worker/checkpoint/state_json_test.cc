#include "worker/checkpoint/state_json.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/common/says.h"
#include "tests/worker/checkpoint/make_state.h"

namespace sluice::checkpoint {
namespace {

using nlohmann::json;

TEST(StateJsonTest, EverythingButTheCountersComesBackExactly) {
  const TrainState state = testing::MakeState();
  const auto back = StateFromJson(StateToJson(state));
  ASSERT_TRUE(back.ok()) << back.status();
  testing::ExpectSameButCounters(*back, state);
}

TEST(StateJsonTest, ExtremeValuesComeBackExactly) {
  TrainState state = testing::MakeState();
  state.step = std::numeric_limits<uint64_t>::max();
  state.generation = std::numeric_limits<uint32_t>::max();
  state.train_seconds = 0.1 + 0.2;
  state.mean = {std::numeric_limits<double>::denorm_min(), -1.0 / 3.0};
  state.std = {};
  state.class_names = {"with \"quotes\"\n", "", "ü"};
  state.in_force.reset();
  state.agreed_next.reset();
  state.stream_epoch.reset();
  state.group_steps.clear();
  const auto back = StateFromJson(StateToJson(state));
  ASSERT_TRUE(back.ok()) << back.status();
  testing::ExpectSameButCounters(*back, state);
}

TEST(StateJsonTest, AClassNameThatIsNotUtf8DoesNotThrow) {
  TrainState state = testing::MakeState();
  state.class_names = {"caf\xe9"};
  EXPECT_NO_THROW(StateToJson(state));
}

TEST(StateJsonTest, AMissingKeyIsNamed) {
  const json whole = json::parse(StateToJson(testing::MakeState()));
  for (const auto& item : whole.items()) {
    json cut = whole;
    cut.erase(item.key());
    const std::set<std::string> later = {"accuracies",     "temperatures", "uncertainty",
                                         "head_entropies", "healthy_step", "probes_calm",
                                         "gemm",           "stream_epoch"};
    if (later.count(item.key()) > 0) {
      // Older states have none of them, and are read.
      EXPECT_TRUE(StateFromJson(cut.dump()).ok());
      continue;
    }
    EXPECT_TRUE(SaysInvalid(StateFromJson(cut.dump()).status(), {"'" + item.key() + "'"}));
  }
}

TEST(StateJsonTest, AValueOfTheWrongTypeIsNamed) {
  const json whole = json::parse(StateToJson(testing::MakeState()));
  for (const auto& item : whole.items()) {
    json wrong = whole;
    wrong[item.key()] = item.key() == "probes_calm" ? json(1) : json(true);
    EXPECT_TRUE(SaysInvalid(StateFromJson(wrong.dump()).status(), {"'" + item.key() + "'"}));
  }
}

TEST(StateJsonTest, NumbersThatWouldBeCutAreRefused) {
  const json whole = json::parse(StateToJson(testing::MakeState()));
  for (const std::string key : {"step", "generation", "decision_position"}) {
    for (const json& value : {json(-1), json(1.5)}) {
      json wrong = whole;
      wrong[key] = value;
      EXPECT_TRUE(SaysInvalid(StateFromJson(wrong.dump()).status(), {"'" + key + "'"})) << value;
    }
  }
  json wide = whole;
  wide["generation"] = uint64_t{1} << 32;
  EXPECT_TRUE(SaysInvalid(StateFromJson(wide.dump()).status(), {"'generation'"}));
}

TEST(StateJsonTest, AnotherFormatIsNamedWithTheExpectedOne) {
  json other = json::parse(StateToJson(testing::MakeState()));
  other["format"] = 2;
  EXPECT_TRUE(SaysInvalid(StateFromJson(other.dump()).status(), {"format 2", "expected 1"}));
}

TEST(StateJsonTest, TextThatIsNoObjectIsRefused) {
  for (const std::string text : {"", "[]", "{", "3", "{\"format\":1"})
    EXPECT_TRUE(SaysInvalid(StateFromJson(text).status(), {"not a JSON object"})) << text;
}

}  // namespace
}  // namespace sluice::checkpoint
