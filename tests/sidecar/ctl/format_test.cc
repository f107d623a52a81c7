#include "sidecar/ctl/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/sidecar/ctl/states.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(CtlFormat, RanksAreCountedAsTheMetricsCountThem) {
  v1::RunState state;
  state.set_world_size(5);
  AddRank(0, true, false, &state);
  AddRank(1, false, false, &state);
  AddRank(2, true, true, &state);   // Ended, its stream still up.
  AddRank(3, false, true, &state);  // Ended and gone: not lost.
  EXPECT_EQ(CountRanks(state).live, 2u);
  EXPECT_EQ(CountRanks(state).lost, 2u);  // Rank 1, and rank 4, which never came.
}

TEST(CtlFormat, ARunEndsWithItsLastRank) {
  v1::RunState state;
  EXPECT_FALSE(HasEnded(state));
  state.set_world_size(2);
  EXPECT_EQ(Phase(state), "lost");
  AddRank(0, true, true, &state);
  EXPECT_FALSE(HasEnded(state));
  EXPECT_EQ(Phase(state), "live");
  AddRank(1, false, true, &state);
  EXPECT_TRUE(HasEnded(state));
  EXPECT_EQ(Phase(state), "ended");
}

TEST(CtlFormat, Numbers) {
  EXPECT_EQ(Fixed(0.12345, 4), "0.1235");
  EXPECT_EQ(Fixed(-2.0, 1), "-2.0");
  EXPECT_EQ(Fixed(3e9, 4), "3e+09");
  EXPECT_EQ(Fixed(std::numeric_limits<double>::infinity(), 4), "inf");
  EXPECT_EQ(Fixed(std::numeric_limits<double>::quiet_NaN(), 4), "nan");
  EXPECT_EQ(FixedOr(true, 1.0, 2), "1.00");
  EXPECT_EQ(FixedOr(false, 1.0, 2), "-");
}

TEST(CtlFormat, RunsShowTheLastGate) {
  v1::ListRunsResponse response;
  EXPECT_EQ(RunsText(response), "no run has reported yet\n");
  *response.add_runs() = StateOf("long-name");
  v1::RunState* fresh = response.add_runs();
  fresh->set_run("b");
  fresh->set_world_size(1);
  EXPECT_EQ(
      RunsText(response),
      "RUN        STATE  STEP  LIVE  LOST   RATE  THRESHOLD    LOSS  ACC DENSE  ACC GATED  "
      "DIRECTIVE\n"
      "long-name  live     30     2     0  0.250     0.3500  1.5000          -     0.6250          "
      "7\n"
      "b          lost      0     0     1      -          -       -          -          -          "
      "0\n");
}

TEST(CtlFormat, ARunInFull) {
  v1::RunState state = StateOf("a");
  state.mutable_directive()->set_reason("two\nlines");
  v1::GroupScale* scale = state.mutable_directive()->add_group_scales();
  scale->set_group("blocks.3.mlp");
  scale->set_scale(2.5);
  const std::string text = RunText(state);
  for (const char* line :
       {"run             a\n", "state           live\n", "ranks           2 live, 0 lost, of 2\n",
        "loss            1.5000\n", "accuracy dense  -\n", "accuracy gated  0.6250\n",
        "images/s        812.3\n", "compute saved   0.680\n",
        "directive       version 7, based on step 20\n", "reason          two lines\n",
        "dormant group   blocks.3.mlp, scale 2.50\n",
        "\n"
        "LAYER  THRESHOLD  TARGET RATE  ACTIVATION RATE  ENTROPY EMA  ENTROPY  STDDEV  TOKENS OPEN"
        "  TOKENS CLOSED\n"
        "    2     0.3000            -            0.400       0.5000   0.5000  0.0000            0"
        "              0\n"
        "    4     0.3500            -            0.250       0.4500   0.4500  0.0000          120"
        "            360\n",
        "straggler       rank 1, 125.0 ms behind the median rank\n",
        "\nRANK  STATE  STEP  GENERATION  OWN MS  WAIT MS  TOKENS OPEN\n"
        "   0  live     30           0   125.0     62.5           60\n"
        "   1  live     31           0   250.0     62.5           61\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(CtlFormat, RanksThatDoNotSayHowLongTheyWorkHaveNoStraggler) {
  v1::RunState state = StateOf("a");
  state.mutable_ranks(0)->clear_timing();
  EXPECT_THAT(RunText(state), HasSubstr("straggler       -\n"));
  EXPECT_THAT(RankTable(state),
              HasSubstr("   0  live     30           0       -        -            -\n"));
  state = StateOf("a");
  state.mutable_ranks(1)->set_connected(false);
  EXPECT_THAT(RunText(state), HasSubstr("straggler       -\n"));
}

TEST(CtlFormat, BeforeTheFirstWindowAveragesAreUnknown) {
  v1::RunState state;
  state.set_run("a");
  state.set_world_size(1);
  v1::LayerState* layer = state.add_layers();
  layer->set_layer(2);
  layer->set_threshold(0.3);
  const std::string text = RunText(state);
  EXPECT_THAT(text, HasSubstr("directive       none yet\n"));
  EXPECT_THAT(text, Not(HasSubstr("reason")));
  EXPECT_THAT(text, HasSubstr("compute saved   -\n"));
  EXPECT_THAT(text, HasSubstr("    2     0.3000            -                -            -"));
}

TEST(CtlFormat, AlertsOfARun) {
  v1::RunState state = StateOf("a");
  EXPECT_THAT(RunText(state), HasSubstr("alerts          none\n"));
  v1::Alert* alert = state.add_alerts();
  alert->set_name("lost_rank");
  alert->set_reason("rank 1 is\ngone");
  alert->set_since_step(20);
  EXPECT_THAT(RunText(state),
              HasSubstr("alert           lost_rank since step 20: rank 1 is gone\n"));
  EXPECT_THAT(RunText(state), Not(HasSubstr("none")));
}

TEST(CtlFormat, HistoryHasColumnsPerGate) {
  v1::GetHistoryResponse response;
  EXPECT_EQ(HistoryText(response), "no window has closed in this range\n");
  v1::Window* window = response.add_windows();  // Of an earlier shape: one gate only.
  window->set_first_step(1);
  window->set_last_step(10);
  window->set_coverage(0.5);
  SetLayer(2, 0.3, 0.4, 0.5, window->add_layers());
  window = response.add_windows();
  window->set_first_step(11);
  window->set_last_step(20);
  window->set_coverage(1.0);
  window->set_loss(1.25);
  window->set_directive_version(3);
  window->set_reason("guard\tdecided");
  SetLayer(2, 0.31, 0.5, 0.5, window->add_layers());
  SetLayer(4, 0.2, 0.6, 0.1, window->add_layers());
  EXPECT_EQ(HistoryText(response),
            "FIRST  LAST  THRESHOLD@2  RATE@2   EMA@2  THRESHOLD@4  RATE@4   EMA@4    LOSS  "
            "COVERAGE  DIRECTIVE  REASON\n"
            "    1    10       0.3000   0.400  0.5000            -       -       -       -     "
            "0.500          -  -\n"
            "   11    20       0.3100   0.500  0.5000       0.2000   0.600  0.1000  1.2500     "
            "1.000          3  guard decided\n");
}

TEST(CtlFormat, ADirective) {
  v1::Directive directive;
  directive.set_run("a");
  directive.set_version(4);
  directive.set_based_on_step(30);
  directive.set_reason("set by hand: why not");
  v1::LayerDirective* layer = directive.add_layers();
  layer->set_layer(2);
  layer->set_threshold(0.45);
  EXPECT_EQ(DirectiveText(directive),
            "run                   a\n"
            "directive             version 4, based on step 30\n"
            "reason                set by hand: why not\n"
            "threshold at layer 2  0.4500\n");
}

}  // namespace
}  // namespace sluice::ctl
