#include "tests/worker/e2e/two_hosts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/common/peers.h"

namespace sluice::e2e {
namespace {

// Without output.
bool Succeeds(const std::vector<std::string>& command, const std::string& log = "/dev/null") {
  launch::ChildOptions options;
  options.program = ProgramInPath(command[0]);
  options.arguments.assign(command.begin() + 1, command.end());
  options.stderr_file = log;
  auto child = launch::ChildProcess::Start(options);
  if (!child.ok()) return false;
  const auto exit = child->Wait(std::chrono::seconds(20));
  return exit.ok() && exit->ok();
}

}  // namespace

std::string TwoHosts::Missing() {
  for (const char* program : {"ip", "tc", "nft"}) {
    if (ProgramInPath(program).empty())
      return std::string(program) + " is missing: apt-get install iproute2 nftables";
  }
  const std::string probe = "sluice" + std::to_string(::getpid()) + "p";
  if (!Succeeds({"ip", "netns", "add", probe})) {
    return "network namespaces cannot be made here: that takes root, and CAP_SYS_ADMIN in "
           "containers";
  }
  EXPECT_TRUE(Succeeds({"ip", "netns", "delete", probe}));
  return "";
}

TwoHosts::TwoHosts() : name_("sluice" + std::to_string(::getpid())) {
  for (const int host : {0, 1}) EXPECT_TRUE(Succeeds({"ip", "netns", "add", Name(host)}));
  // Made inside, so that the system's own network sees nothing of it.
  Run(0, {"ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", Name(1)});
  for (const int host : {0, 1}) {
    Run(host, {"ip", "address", "add", Address(host) + "/30", "dev", "cable"});
    Run(host, {"ip", "link", "set", "lo", "up"});
    Run(host, {"ip", "link", "set", "cable", "up"});
  }
}

TwoHosts::~TwoHosts() {
  for (const int host : {0, 1}) EXPECT_TRUE(Succeeds({"ip", "netns", "delete", Name(host)}));
}

void TwoHosts::Run(int host, const std::vector<std::string>& command) const {
  std::vector<std::string> whole = {"ip", "netns", "exec", Name(host)};
  whole.insert(whole.end(), command.begin(), command.end());
  EXPECT_TRUE(Succeeds(whole, "/dev/stderr")) << ::testing::PrintToString(whole);
}

launch::ChildProcess TwoHosts::Start(int host, const std::vector<std::string>& command,
                                     const std::vector<std::string>& environment,
                                     const std::string& log, bool capture_stdout) const {
  launch::ChildOptions options;
  options.program = ProgramInPath("ip");
  options.arguments = {"netns", "exec", Name(host)};
  options.arguments.insert(options.arguments.end(), command.begin(), command.end());
  options.environment = environment;
  options.stderr_file = log;
  options.capture_stdout = capture_stdout;
  auto child = launch::ChildProcess::Start(options);
  EXPECT_TRUE(child.ok()) << child.status();
  return *std::move(child);
}

void TwoHosts::DropPackets(bool drop) const {
  if (!drop) return Run(1, {"nft", "delete", "table", "inet", "partition"});
  Run(1, {"nft", "add", "table", "inet", "partition"});
  for (const std::string hook : {"input", "output"}) {
    Run(1, {"nft", "add", "chain", "inet", "partition", hook,
            "{ type filter hook " + hook + " priority 0; policy drop; }"});
  }
}

void TwoHosts::PlugIn(bool in) const { Run(1, {"ip", "link", "set", "cable", in ? "up" : "down"}); }

void TwoHosts::Limit(int megabits) const {
  for (const int host : {0, 1}) {
    Run(host, {"tc", "qdisc", "replace", "dev", "cable", "root", "tbf", "rate",
               std::to_string(megabits) + "mbit", "burst", "256kb", "latency", "200ms"});
  }
}

std::vector<std::string> RankVariables(int rank, int restart) {
  return {"RANK=" + std::to_string(rank),
          "LOCAL_RANK=0",
          "WORLD_SIZE=2",
          "MASTER_ADDR=" + TwoHosts::Address(0),
          "MASTER_PORT=29500",
          "OMP_NUM_THREADS=1",
          "MKL_NUM_THREADS=1",
          "MKL_DYNAMIC=FALSE",
          "TORCHELASTIC_RESTART_COUNT=" + std::to_string(restart)};
}

}  // namespace sluice::e2e
