#include "sidecar/ctl/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/common/says.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

// The environment as the test wants it, whatever the machine's own.
class CtlArguments : public ::testing::Test {
 protected:
  CtlArguments() { Clear(); }
  ~CtlArguments() override { Clear(); }
  static void Clear() {
    ::unsetenv("SLUICE_SIDECAR");
    ::unsetenv("SLUICE_TIMEOUT");
    for (const char* name : {"CA", "CERT", "KEY", "NAME", "TOKEN_FILE"}) {
      ::unsetenv(("SLUICE_CLIENT_" + std::string(name)).c_str());
    }
  }
  absl::Status Parse(const std::vector<std::string>& arguments) {
    read_ = {};
    return ParseArguments(arguments, read_).status();
  }

  Arguments read_;
};

TEST_F(CtlArguments, DefaultsAndEveryOption) {
  ASSERT_TRUE(Parse({"runs"}).ok());
  EXPECT_EQ(read_.command, "runs");
  EXPECT_EQ(read_.sidecar, "127.0.0.1:50551");
  EXPECT_EQ(read_.timeout, std::chrono::seconds(5));
  EXPECT_FALSE(read_.json);

  ASSERT_TRUE(Parse({"--sidecar", "[::1]:7", "--timeout=0.25", "--json", "watch", "a", "--count",
                     "18446744073709551615"})
                  .ok());
  EXPECT_EQ(read_.command, "watch");
  EXPECT_EQ(read_.sidecar, "[::1]:7");
  EXPECT_EQ(read_.timeout, std::chrono::milliseconds(250));
  EXPECT_TRUE(read_.json);
  EXPECT_EQ(read_.run, "a");
  EXPECT_EQ(read_.count, 18446744073709551615u);

  ASSERT_TRUE(
      Parse({"history", "a", "--first_step", "3", "--last_step", "9", "--limit", "2"}).ok());
  EXPECT_EQ(read_.first_step, 3u);
  EXPECT_EQ(read_.last_step, 9u);
  EXPECT_EQ(read_.limit, 2u);

  ASSERT_TRUE(
      Parse({"set-threshold", "a", "--layer", "4", "--threshold", "0.5", "--reason", "w\xc3\xa4r"})
          .ok());
  EXPECT_EQ(read_.layer, 4u);
  EXPECT_EQ(read_.threshold, 0.5);
  EXPECT_EQ(read_.reason, "w\xc3\xa4r");
}

TEST_F(CtlArguments, EveryActionOfAWorker) {
  for (const std::string& action : WorkerActions()) {
    std::vector<std::string> arguments = {"worker", action, "127.0.0.1:50560", "--json"};
    if (action == "ingest") arguments.insert(arguments.end(), {"a", "b", "--class", "c"});
    ASSERT_TRUE(Parse(arguments).ok());
    EXPECT_EQ(read_.command, "worker");
    EXPECT_EQ(read_.action, action);
    EXPECT_EQ(read_.worker, "127.0.0.1:50560");
    EXPECT_EQ(read_.reason, "");
    EXPECT_TRUE(read_.json);
    const bool has_paths = action == "ingest";
    EXPECT_EQ(read_.paths.size(), has_paths ? 2u : 0u);
    EXPECT_EQ(read_.class_name, has_paths ? "c" : "");
  }
  const std::string longest(256, 'r');
  ASSERT_TRUE(Parse({"worker", "pause", "[::1]:7", "--reason", longest}).ok());
  EXPECT_EQ(read_.worker, "[::1]:7");
  EXPECT_EQ(read_.reason, longest);
}

TEST_F(CtlArguments, AWorkerIsAskedWhateverTheSidecar) {
  // In the worker's own environment this may be `spawn` or `off`.
  ::setenv("SLUICE_SIDECAR", "off", 1);
  EXPECT_TRUE(Parse({"worker", "status", "h:1"}).ok());
  EXPECT_TRUE(SaysInvalid(Parse({"runs"}), {"sidecar is 'off'"}));
  ::setenv("SLUICE_TIMEOUT", "soon", 1);
  EXPECT_TRUE(SaysInvalid(Parse({"worker", "status", "h:1"}), {"timeout is 'soon'"}));
}

TEST_F(CtlArguments, SharedOptionsMayFollowTheCommand) {
  ASSERT_TRUE(Parse({"get", "a", "--json", "--sidecar", "h:1"}).ok());
  EXPECT_TRUE(read_.json);
  EXPECT_EQ(read_.sidecar, "h:1");
}

TEST_F(CtlArguments, ARunMayHaveTheNameOfACommand) {
  ASSERT_TRUE(Parse({"get", "watch"}).ok());
  EXPECT_EQ(read_.command, "get");
  EXPECT_EQ(read_.run, "watch");
}

TEST_F(CtlArguments, FlagsWinOverTheEnvironment) {
  ::setenv("SLUICE_SIDECAR", "from:1", 1);
  ASSERT_TRUE(Parse({"runs"}).ok());
  EXPECT_EQ(read_.sidecar, "from:1");
  ASSERT_TRUE(Parse({"runs", "--sidecar", "flag:2"}).ok());
  EXPECT_EQ(read_.sidecar, "flag:2");
  ::setenv("SLUICE_SIDECAR", "spawn", 1);
  EXPECT_TRUE(SaysInvalid(Parse({"runs"}), {"sidecar is 'spawn', expected HOST:PORT",
                                            "(from environment SLUICE_SIDECAR)"}));
  ::setenv("SLUICE_SIDECAR", "h:1", 1);
  ::setenv("SLUICE_TIMEOUT", "soon", 1);
  EXPECT_TRUE(SaysInvalid(Parse({"runs"}), {"timeout is 'soon'", "environment SLUICE_TIMEOUT"}));
}

TEST_F(CtlArguments, ErrorsNameTheThingTheValueAndWhatWasExpected) {
  const std::string commands =
      "expected one of runs, get, watch, history, journal, set-threshold, breaker, "
      "storage, worker";
  const std::string actions = "expected one of status, pause, resume, checkpoint, drain";
  const std::string long_reason(257, 'r');
  const std::vector<std::string> set = {"set-threshold", "a", "--layer", "2", "--threshold"};
  const auto with = [](std::vector<std::string> base, const std::vector<std::string>& more) {
    base.insert(base.end(), more.begin(), more.end());
    return base;
  };
  const struct {
    std::vector<std::string> arguments;
    std::initializer_list<std::string> says;
  } cases[] = {
      {{}, {"the command is missing", commands}},
      {{"list"}, {"command 'list' is unknown", commands}},
      {{"runs", "a"}, {"argument 'a' is unknown", "sluicectl runs --help"}},
      {{"get", "a", "--jsn"}, {"argument '--jsn' is unknown", "sluicectl get --help"}},
      {{"get"}, {"RUN is missing", "sluicectl runs"}},
      {{"get", "a b"}, {"RUN is 'a b', expected 1 to 128 characters"}},
      {{"get", std::string(129, 'r')}, {"expected 1 to 128 characters"}},
      {{"get", "a\n"}, {"RUN is 'a\\n'"}},
      {{"watch", "a", "--count", "0"}, {"count is '0', expected an integer in [1, "}},
      {{"watch", "a", "--count", "-1"}, {"count is '-1'"}},
      {{"watch", "a", "--count="}, {"count"}},
      {{"runs", "--sidecar", "here"}, {"sidecar is 'here'", "HOST:PORT", "(from flag --sidecar)"}},
      {{"runs", "--sidecar=h:0"}, {"sidecar is 'h:0'", "from 1 to 65535", "flag --sidecar"}},
      {{"runs", "--timeout", "0"}, {"timeout is '0'", "in [0.001, 86400]", "flag --timeout"}},
      {{"runs", "--timeout", "nan"}, {"timeout is 'nan'"}},
      {{"history", "a", "--first_step", "x"}, {"first_step is 'x', expected an integer"}},
      {{"history", "a", "--limit", "4294967296"}, {"limit is '4294967296'", "4294967295]"}},
      {{"history", "a", "--first_step", "9", "--last_step", "8"},
       {"first_step is '9', expected at most last_step, which is 8"}},
      {{"breaker"}, {"ACTION is missing, expected one of show, reset"}},
      {{"breaker", "close", "a"}, {"ACTION is 'close', expected one of show, reset"}},
      {{"breaker", "show"}, {"RUN is missing", "sluicectl runs"}},
      {{"breaker", "show", "a", "--reason", "why"}, {"reason is 'why'", "only a reset has one"}},
      {{"breaker", "reset", "a", "--reason", long_reason}, {"at most 256 bytes of UTF-8"}},
      {{"set-threshold", "a", "--threshold", "0.5"}, {"layer is missing", "--layer N"}},
      {{"set-threshold", "a", "--layer", "2"}, {"threshold is missing", "[0, 1]"}},
      {{"set-threshold", "a", "--layer", "0", "--threshold", "0.5"}, {"layer is '0'", "[1, "}},
      {with(set, {"1.5"}), {"threshold is '1.5', expected a number in [0, 1]"}},
      {with(set, {"-0.5"}), {"threshold is '-0.5'"}},
      {with(set, {"inf"}), {"threshold is 'inf'"}},
      {with(set, {"0.5", "--reason", long_reason}), {"reason is 'rrr", "at most 256 bytes"}},
      {with(set, {"0.5", "--reason", "\xff"}), {"reason is '\\377'", "UTF-8"}},
      {{"worker"}, {"ACTION is missing", actions}},
      {{"worker", "stop", "h:1"}, {"ACTION is 'stop'", actions}},
      {{"worker", "h:1", "pause"}, {"ACTION is 'h:1'", actions}},
      {{"worker", "", "h:1"}, {"ACTION is missing"}},
      {{"worker", "pause"}, {"ADDRESS is missing", "HOST:PORT"}},
      {{"worker", "pause", "here"}, {"ADDRESS is 'here'", "HOST:PORT", "service.rank0"}},
      {{"worker", "pause", "h:0"}, {"ADDRESS is 'h:0'"}},
      {{"worker", "pause", "h:65536"}, {"ADDRESS is 'h:65536'"}},
      {{"worker", "pause", "a\n:1"}, {"ADDRESS is 'a\\n:1'"}},
      {{"worker", "pause", "h:1", "h:2"}, {"argument 'h:2' is unknown", "sluicectl worker --help"}},
      {{"worker", "pause", "h:1", "--count", "1"}, {"argument '--count' is unknown"}},
      {{"worker", "pause", "h:1", "--reason", long_reason}, {"reason is 'rrr", "at most 256"}},
      {{"worker", "pause", "h:1", "--reason", "\xff"}, {"reason is '\\377'", "UTF-8"}},
      {{"worker", "ingest", "h:1"}, {"PATH is missing"}},
      {{"worker", "drain", "h:1", "--class", "x"}, {"class is 'x', expected none"}},
      {{"worker", "drain", "h:1", "--reason", "x"}, {"reason is 'x', expected none", "pause"}},
  };
  for (const auto& one : cases) {
    const absl::Status status = Parse(one.arguments);
    EXPECT_TRUE(SaysInvalid(status, one.says)) << ::testing::PrintToString(one.arguments);
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status.message();
  }
}

TEST_F(CtlArguments, HelpAndVersionArePrinted) {
  const auto printed = [this](const std::vector<std::string>& arguments) {
    ::testing::internal::CaptureStdout();
    const absl::StatusOr<bool> go_on = ParseArguments(arguments, read_);
    EXPECT_TRUE(go_on.ok() && !*go_on);
    return ::testing::internal::GetCapturedStdout();
  };
  EXPECT_EQ(printed({"--version"}), "sluicectl " SLUICE_VERSION "\n");
  const std::string help = printed({"--help"});
  for (const std::string& name : CommandNames()) EXPECT_THAT(help, HasSubstr(name));
  EXPECT_THAT(help, HasSubstr("SLUICE_SIDECAR"));
  EXPECT_THAT(printed({"history", "--help"}), HasSubstr("--first_step"));
  const std::string of_worker = printed({"worker", "--help"});
  for (const std::string& action : WorkerActions()) EXPECT_THAT(of_worker, HasSubstr(action));
}

TEST_F(CtlArguments, HowTheOtherSideIsReached) {
  ASSERT_TRUE(Parse({"runs"}).ok());
  EXPECT_FALSE(read_.tls.given());
  ::setenv("SLUICE_CLIENT_CA", "env-ca", 1);
  ::setenv("SLUICE_CLIENT_TOKEN_FILE", "env-token", 1);
  ASSERT_TRUE(Parse({"worker", "status", "127.0.0.1:1", "--tls-cert", "c", "--tls-key", "k",
                     "--tls-name", "n", "--token-file", "t"})
                  .ok());
  EXPECT_EQ(read_.tls.ca, "env-ca");
  EXPECT_EQ(read_.tls.cert + read_.tls.key + read_.tls.name + read_.tls.token_file, "cknt");
}

}  // namespace
}  // namespace sluice::ctl
