// The real programs over mutual TLS, and two workers that claim one run.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/common/security/certificates.h"
#include "tests/worker/e2e/scrape.h"
#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {
namespace {

using certificates::Authority;
using certificates::Pair;
using std::chrono::seconds;
using ::testing::HasSubstr;

launch::SidecarProcess StartSidecar(const std::string& folder,
                                    const std::vector<std::string>& arguments = {}) {
  launch::SidecarOptions options;
  options.state = folder + "/state";
  options.log = folder + "/sidecar.log";
  options.arguments = arguments;
  auto sidecar = launch::SidecarProcess::Start(options);
  EXPECT_TRUE(sidecar.ok()) << sidecar.status() << ReadFile(options.log).value_or("");
  return *std::move(sidecar);
}

// Exit code of sluicectl with these arguments; -1 if it does not end.
int Ctl(const std::vector<std::string>& arguments) {
  launch::ChildOptions child;
  child.program = launch::SiblingProgram("sluicectl").value();
  child.arguments = arguments;
  child.capture_stdout = true;
  auto process = launch::ChildProcess::Start(child);
  if (!process.ok()) return -1;
  const auto exit = process->Wait(seconds(40));
  return exit.ok() ? exit->code : -1;
}

std::vector<std::string> Shows(const std::string& ca, const Pair& pair) {
  return {"--tls-ca", ca, "--tls-cert", pair.cert, "--tls-key", pair.key};
}

std::vector<std::string> operator+(std::vector<std::string> left,
                                   const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

uint64_t Steps(const HostPort& http, const std::string& run) {
  const auto samples = Scrape(http);
  const auto it = samples.find("sluice_steps_total{run=\"" + run + "\"}");
  return it == samples.end() ? 0 : static_cast<uint64_t>(it->second);
}

class Secure : public ::testing::Test {
 protected:
  Secure() : folder_(FreshFolder("run")), authority_(folder_, "ours") {}
  Options Run(const launch::SidecarProcess& sidecar, const Pair& shown,
              const std::string& folder) const {
    return With(SmallRun(folder), {{"run.name", "secure"},
                                   {"train.steps", "100"},
                                   {"sidecar", sidecar.grpc().ToString()},
                                   {"telemetry.tls.ca", authority_.ca()},
                                   {"telemetry.tls.cert", shown.cert},
                                   {"telemetry.tls.key", shown.key},
                                   {"worker.tls.cert", server_.cert},
                                   {"worker.tls.key", server_.key},
                                   {"worker.tls.client-ca", authority_.ca()}});
  }

  const std::string folder_;
  const Authority authority_;
  const Pair server_ = authority_.Server();
  const std::vector<std::string> mutual_ = {"--tls.cert", server_.cert,      "--tls.key",
                                            server_.key,  "--tls.client-ca", authority_.ca()};
};

TEST_F(Secure, ARunSteeredOverMutualTls) {
  launch::SidecarProcess sidecar = StartSidecar(folder_, mutual_);
  const std::string address = sidecar.grpc().ToString();
  const Pair ranks = authority_.Issue("ranks", {"URI:sluice://worker/secure/*"});
  const auto admin = Shows(authority_.ca(), authority_.Issue("admin", {"URI:sluice://admin"}));
  const auto reader = Shows(authority_.ca(), authority_.Issue("reader", {"URI:sluice://reader"}));
  launch::ChildProcess run = StartWorker(
      "train", With(Run(sidecar, ranks, folder_), {{"run.paused", "true"}}), folder_ + "/log");
  ASSERT_TRUE(WaitForText(folder_ + "/service.rank1", "\n"))
      << ReadFile(folder_ + "/log").value_or("");
  std::string service = ReadFile(folder_ + "/service.rank1").value();
  service.pop_back();
  const std::vector<std::string> resume = {"worker", "resume", service, "--timeout", "30"};
  EXPECT_EQ(Ctl({"worker", "status", service}), 4);  // Without TLS nobody answers.
  EXPECT_EQ(Ctl(std::vector<std::string>{"worker", "status", service} + reader), 0);
  EXPECT_EQ(Ctl(resume + reader), 1);
  EXPECT_EQ(Ctl(resume + admin), 0);
  const auto exit = run.Wait(seconds(120));
  ASSERT_TRUE(exit.ok() && exit->ok()) << ReadFile(folder_ + "/log").value_or("");
  EXPECT_TRUE(WaitUntil([&] { return Steps(sidecar.http(), "secure") == 100; }));

  const std::vector<std::string> set = {"set-threshold", "secure", "--layer",   "1",
                                        "--threshold",   "0.3",    "--sidecar", address};
  EXPECT_EQ(Ctl({"runs", "--sidecar", address}), 4);
  EXPECT_EQ(Ctl(std::vector<std::string>{"get", "secure", "--sidecar", address} + reader), 0);
  EXPECT_EQ(Ctl(set + reader), 1);
  EXPECT_EQ(Ctl(set + admin), 0);
  const std::string sidecars = ReadFile(folder_ + "/state/audit.jsonl").value_or("");
  EXPECT_THAT(sidecars, HasSubstr("\"caller\":\"certificate sluice://admin\""));
  EXPECT_THAT(sidecars, HasSubstr("Runs/SetThreshold"));
  EXPECT_THAT(ReadFile(folder_ + "/audit.rank1.jsonl").value_or(""), HasSubstr("Worker/Resume"));
}

TEST_F(Secure, ARunWithTheCertificateOfAnotherTrainsOnUnheard) {
  launch::SidecarProcess sidecar = StartSidecar(folder_, mutual_);
  const Pair other = authority_.Issue("other", {"URI:sluice://worker/another/*"});
  const Outcome outcome = RunWorker("train", Run(sidecar, other, folder_), folder_ + "/log");
  EXPECT_TRUE(outcome.exit.ok()) << outcome.log;
  EXPECT_EQ(ReadJson(folder_ + "/report.json").value("last_step", 0), 100);
  EXPECT_THAT(outcome.log, HasSubstr("may not speak for run 'secure'"));
  const auto samples = Scrape(sidecar.http());
  EXPECT_EQ(samples.count("sluice_steps_total{run=\"secure\"}"), 0u);
  EXPECT_GT(samples.at("sluice_rejected_total{reason=\"permission_denied\"}"), 0);
}

TEST_F(Secure, OfTwoWorkersThatClaimOneRunOneIsHeardAndBothTrain) {
  launch::SidecarProcess sidecar = StartSidecar(folder_);
  const auto claim = [&](const std::string& name, const std::string& steps) {
    const std::string folder = FreshFolder(name);
    return std::pair(folder, With(SmallRun(folder), {{"run.name", "claimed"},
                                                     {"nproc", "1"},
                                                     {"sidecar", sidecar.grpc().ToString()},
                                                     {"train.steps", steps}}));
  };
  // The first holds the run, and pauses before its first step, so that it is there all the time.
  const auto [first, first_options] = claim("first", "100");
  launch::ChildProcess holder =
      StartWorker("train", With(first_options, {{"run.paused", "true"}}), first + "/log");
  ASSERT_TRUE(WaitForText(folder_ + "/sidecar.log", "run 'claimed' rank 0 of 1"));
  const auto [second, second_options] = claim("second", "60");
  const Outcome refused = RunWorker("train", second_options, second + "/log");
  EXPECT_TRUE(refused.exit.ok()) << refused.log;
  EXPECT_EQ(ReadJson(second + "/report.json").value("last_step", 0), 60);
  EXPECT_THAT(refused.log, HasSubstr("holds the lease with epoch 1"));
  EXPECT_EQ(Steps(sidecar.http(), "claimed"), 0u);
  EXPECT_GT(Scrape(sidecar.http()).at("sluice_rejected_total{reason=\"lease_held\"}"), 0);
  std::string service = ReadFile(first + "/service.rank0").value();
  service.pop_back();
  ASSERT_EQ(Ctl({"worker", "resume", service, "--timeout", "30"}), 0);
  const auto exit = holder.Wait(seconds(120));
  ASSERT_TRUE(exit.ok() && exit->ok()) << ReadFile(first + "/log").value_or("");
  EXPECT_TRUE(WaitUntil([&] { return Steps(sidecar.http(), "claimed") == 100; }));
}

}  // namespace
}  // namespace sluice::e2e
