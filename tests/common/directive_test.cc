#include "common/directive.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "tests/common/says.h"

namespace sluice {
namespace {

Directive Good() {
  Directive d;
  d.run = "run \"1\"\n";
  d.version = std::numeric_limits<uint64_t>::max();
  d.layers = {{2, 0.1, 0.25}, {5, 1.0 / 3.0, 1.0}};
  d.group_scales = {{"blocks.0.attn.head.1", 4.9999999999999991}};
  d.rehearsal_share = 5e-324;
  d.breaker_action = BreakerAction::kRollBack;
  d.breaker_level = 4;
  d.reason = "entropy \xC3\xA9";
  d.based_on_step = 1;
  return d;
}

TEST(Directive, JsonIsOneLineAndExact) {
  const std::string json = DirectiveToJson(Good());
  EXPECT_EQ(json.find('\n'), std::string::npos);
  const auto back = DirectiveFromJson(json);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, Good());
}

TEST(Directive, JsonIsExactForRandomDoubles) {
  const unsigned seed = 20260101;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    Directive d = Good();
    const uint64_t bits = random();
    static_assert(sizeof(bits) == sizeof(d.rehearsal_share));
    std::memcpy(&d.rehearsal_share, &bits, sizeof(bits));
    if (!std::isfinite(d.rehearsal_share)) continue;
    const auto back = DirectiveFromJson(DirectiveToJson(d));
    ASSERT_TRUE(back.ok()) << back.status() << " seed " << seed;
    ASSERT_EQ(*back, d) << "seed " << seed << " draw " << i;
  }
}

TEST(Directive, FromJsonRefusesWhatIsNotADirective) {
  const std::string good = DirectiveToJson(Good());
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), good.substr(0, good.size() / 2)}) {
    EXPECT_TRUE(SaysInvalid(DirectiveFromJson(text).status(), {"directive"})) << text;
  }
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return DirectiveFromJson(text.replace(at, from.size(), to)).status();
  };
  EXPECT_TRUE(
      SaysInvalid(changed("\"version\":18446744073709551615", "\"version\":-1"), {"version"}));
  EXPECT_TRUE(
      SaysInvalid(changed("\"version\":18446744073709551615", "\"version\":1.5"), {"version"}));
  EXPECT_TRUE(SaysInvalid(changed("\"layer\":2", "\"layer\":4294967298"), {"layer"}));
  EXPECT_TRUE(SaysInvalid(changed("\"breaker_level\":4", "\"breaker_level\":\"4\""), {"number"}));
  EXPECT_TRUE(SaysInvalid(changed("\"based_on_step\":1", "\"other\":1"), {"based_on_step"}));
}

TEST(Directive, ValidAtItsLimits) {
  Directive d = Good();
  EXPECT_TRUE(ValidateDirective(d, {2, 5}).ok());
  d.layers = {{2, 0.0, 0.0}, {5, 1.0, 1.0}};
  d.group_scales = {{"a", 1.0}, {"b", 5.0}};
  d.rehearsal_share = 0.999;
  EXPECT_TRUE(ValidateDirective(d, {2, 5}).ok());
}

TEST(Directive, NamesFieldValueAndRange) {
  const auto refused = [](auto change) {
    Directive d = Good();
    change(d);
    return ValidateDirective(d, {2, 5});
  };
  EXPECT_TRUE(SaysInvalid(refused([](Directive& d) { d.layers[1].threshold = 1.5; }),
                          {"layers[1].threshold is 1.5", "[0, 1]"}));
  EXPECT_TRUE(SaysInvalid(refused([](Directive& d) { d.layers[0].target_rate = -0.1; }),
                          {"layers[0].target_rate is -0.1", "[0, 1]"}));
  EXPECT_TRUE(SaysInvalid(refused([](Directive& d) { d.layers[0].threshold = std::nan(""); }),
                          {"layers[0].threshold is nan"}));
  EXPECT_TRUE(SaysInvalid(refused([](Directive& d) { d.layers.pop_back(); }),
                          {"layers has 1 entries", "2"}));
  EXPECT_TRUE(SaysInvalid(refused([](Directive& d) { d.layers[1].layer = 6; }),
                          {"layers[1].layer is 6", "gate layer 5"}));
  EXPECT_TRUE(SaysInvalid(refused([](Directive& d) { d.group_scales[0].scale = 5.01; }),
                          {"group_scales['blocks.0.attn.head.1'] is 5.01", "[1, 5]"}));
  EXPECT_TRUE(SaysInvalid(refused([](Directive& d) { d.rehearsal_share = 1.0; }),
                          {"rehearsal_share is 1", "0.999"}));
  EXPECT_TRUE(
      SaysInvalid(refused([](Directive& d) { d.breaker_action = static_cast<BreakerAction>(6); }),
                  {"breaker_action is 6", "1 to 5"}));
}

}  // namespace
}  // namespace sluice
