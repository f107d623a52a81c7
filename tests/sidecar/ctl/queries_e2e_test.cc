// Every query of the real sluicectl against a real sidecar, for people and as JSON.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>

#include <chrono>

#include "tests/sidecar/ctl/live_sidecar.h"

namespace sluice::ctl {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class CtlQueries : public LiveSidecar {
 protected:
  // The output of a command that must succeed.
  std::string Out(const std::vector<std::string>& arguments) {
    const Finished done = Ctl(arguments);
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(done.err, "");
    return done.out;
  }
};

TEST_F(CtlQueries, RunsOfASidecarThatKnowsNone) {
  EXPECT_EQ(Out({"runs"}), "no run has reported yet\n");
  EXPECT_EQ(Out({"runs", "--json"}), "{\"runs\":[]}\n");
}

TEST_F(CtlQueries, Runs) {
  const auto rank = Feed("a", 30);
  const auto half = Feed("b", 5, 2);
  const std::string text = Out({"runs"});
  EXPECT_THAT(text, HasSubstr("RUN  STATE  STEP  LIVE  LOST"));
  EXPECT_THAT(text, HasSubstr("\na    live     30     1     0  0.400     0."));
  EXPECT_THAT(text, HasSubstr("\nb    live      0     1     1      -     0.3000  1.5000"));
  const auto runs = FromJson<v1::ListRunsResponse>(Out({"runs", "--json"}));
  ASSERT_EQ(runs.runs_size(), 2);
  EXPECT_EQ(runs.runs(0).run(), "b");  // The newest activity comes first.
  grpc::ClientContext context;
  v1::ListRunsResponse direct;
  ASSERT_TRUE(Runs()->ListRuns(&context, {}, &direct).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(runs, direct));
}

TEST_F(CtlQueries, Get) {
  const auto rank = Feed("a", 30);
  const std::string text = Out({"get", "a"});
  EXPECT_THAT(text, HasSubstr("run             a\n"));
  EXPECT_THAT(text, HasSubstr("step            30\n"));
  EXPECT_THAT(text, HasSubstr("ranks           1 live, 0 lost, of 1\n"));
  EXPECT_THAT(text, HasSubstr("images          90 open, 30 skipped\n"));
  EXPECT_THAT(text, HasSubstr("0.400       0.5000   0.5000  0.0000          120            180\n"));
  EXPECT_THAT(text, HasSubstr("directive       version "));
  EXPECT_THAT(text, HasSubstr("target_rate"));
  const auto state = FromJson<v1::RunState>(Out({"get", "a", "--json"}));
  grpc::ClientContext context;
  v1::GetRunRequest request;
  request.set_run("a");
  v1::GetRunResponse direct;
  ASSERT_TRUE(Runs()->GetRun(&context, request, &direct).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(state, direct.state()));
  EXPECT_EQ(state.layers(0).activation_rate(), 0.4);
}

TEST_F(CtlQueries, History) {
  const auto rank = Feed("a", 40);
  const auto spans = [this](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"history", "a", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::string found;
    const auto history = FromJson<v1::GetHistoryResponse>(Out(arguments));
    for (const v1::Window& window : history.windows()) {
      found += std::to_string(window.first_step()) + "-" + std::to_string(window.last_step()) + " ";
    }
    return found;
  };
  EXPECT_EQ(spans({}), "1-10 11-20 21-30 31-40 ");
  EXPECT_EQ(spans({"--first_step", "11", "--last_step", "30"}), "11-20 21-30 ");
  EXPECT_EQ(spans({"--first_step", "21"}), "21-30 31-40 ");
  EXPECT_EQ(spans({"--last_step", "10"}), "1-10 ");
  EXPECT_EQ(spans({"--limit", "1"}), "31-40 ");
  EXPECT_EQ(spans({"--first_step", "100"}), "");
  const std::string text = Out({"history", "a"});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5) << text;
  EXPECT_THAT(text, HasSubstr("FIRST  LAST  THRESHOLD@2  RATE@2   EMA@2    LOSS"));
  EXPECT_THAT(text, HasSubstr("\n   31    40"));
  EXPECT_EQ(Out({"history", "a", "--first_step", "100"}), "no window has closed in this range\n");
}

TEST_F(CtlQueries, SetThreshold) {
  const auto rank = Feed("a", 3);
  const std::vector<std::string> set = {"set-threshold", "a", "--layer", "2", "--threshold"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), set.begin(), set.end());
    return Out(more);
  };
  EXPECT_EQ(with({"0.45", "--reason", "too wide"}),
            "run                   a\n"
            "directive             version 1, based on step 0\n"
            "reason                set by hand: too wide\n"
            "threshold at layer 2  0.4500\n");
  const auto directive = FromJson<v1::Directive>(with({"0.5", "--json"}));
  EXPECT_EQ(directive.version(), 2u);
  EXPECT_EQ(directive.layers(0).threshold(), 0.5);
  rank->Finish();
  ASSERT_EQ(rank->directives.size(), 2u);  // What the rank was told.
  EXPECT_TRUE(MessageDifferencer::Equals(rank->directives[1], directive));
}

// Three checks of a probe that are too much; what the breaker does is seen and taken back.
TEST_F(CtlQueries, Breaker) {
  const auto rank = Feed("a", 3);
  EXPECT_THAT(Out({"breaker", "show", "a"}), HasSubstr("breaker level    0 of 3 allowed\n"));
  for (uint64_t seq = 4; seq <= 6; ++seq) {
    v1::WorkerMessage message = rank->Message(seq);
    v1::ProbeResult* probe = message.mutable_probe_result();
    probe->set_probe("old");
    probe->set_step(10 * seq);
    probe->set_images(100);
    probe->set_loss(1.1);
    probe->set_baseline_loss(1.0);
    ASSERT_TRUE(rank->Send(message));
  }
  WaitForView("a", [](const v1::RunState& state) { return state.breaker_level() == 1; });
  const std::string text = Out({"breaker", "show", "a"});
  EXPECT_THAT(text, HasSubstr("action           tighten the gates\n"));
  EXPECT_THAT(text, HasSubstr("old      60     +0.1000  0.0200   0      3"));
  EXPECT_EQ(FromJson<v1::BreakerState>(Out({"breaker", "show", "a", "--json"})).level(), 1u);
  EXPECT_THAT(Out({"get", "a"}), HasSubstr("alert           probe_delta since step 3: "));
  EXPECT_THAT(Out({"breaker", "reset", "a", "--reason", "wrong probe"}),
              HasSubstr("threshold at layer 2  0.3000\n"));
  EXPECT_THAT(Out({"breaker", "show", "a"}), HasSubstr("reset by hand: wrong probe"));
  const Finished again = Ctl({"breaker", "reset", "a"});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("breaker is closed"));
}

TEST_F(CtlQueries, TheSidecarMayComeFromTheEnvironment) {
  const auto rank = Feed("a", 1);
  const Finished done = RunCtl({"runs"}, {"SLUICE_SIDECAR=" + sidecar_.grpc()});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("\na "));
  // A proxy for web pages is not asked.
  const Finished proxied =
      RunCtl({"runs", "--sidecar", sidecar_.grpc()}, {"http_proxy=http://127.0.0.1:1"});
  EXPECT_EQ(proxied.code, 0) << proxied.err;
}

TEST_F(CtlQueries, TheJournalReplaysToTheSameDirectives) {
  const auto rank = Feed("a", 200);
  Out({"set-threshold", "a", "--layer", "2", "--threshold", "0.4", "--reason", "by hand"});
  const std::string text = Out({"journal", "a", "--replay"});
  EXPECT_THAT(text, HasSubstr("SERIAL      STEP  KIND           DIRECTIVE  REASON\n"));
  EXPECT_THAT(text, HasSubstr("decided by"));
  EXPECT_THAT(text, HasSubstr("set by hand: by hand"));
  EXPECT_THAT(text, HasSubstr("\n21 decisions replayed: identical to the bit\n"));
  const auto page =
      FromJson<v1::GetJournalResponse>(Out({"journal", "a", "--json", "--limit", "1"}));
  ASSERT_EQ(page.entries_size(), 1);
  EXPECT_THAT(page.entries(0).input(), HasSubstr("\"alpha\":0.05"));
  EXPECT_EQ(page.next(), 1u);
  EXPECT_EQ(Ctl({"journal", "nobody"}).code, 3);
}

TEST_F(CtlQueries, Storage) {
  const std::string text = Out({"storage", "show"});
  EXPECT_THAT(text, HasSubstr("writable         yes\n"));
  const auto storage = FromJson<v1::GetStorageResponse>(Out({"storage", "acknowledge", "--json"}));
  EXPECT_TRUE(storage.writable());
  EXPECT_GT(storage.bytes(), 0u);
  EXPECT_EQ(Ctl({"storage"}).code, 2);
}

}  // namespace
}  // namespace sluice::ctl
