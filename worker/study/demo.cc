#include "worker/study/demo.h"

#include <csignal>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/study/arms.h"
#include "worker/study/chart.h"
#include "worker/study/comparison.h"
#include "worker/study/summary.h"

namespace sluice::study {
namespace {

constexpr int64_t kCurvePoints = 2;

absl::Status ReportDemo(const DemoConfig& config, const std::vector<ComparedRun>& runs) {
  const std::filesystem::path folder(config.output);
  const std::string json = folder / "report.json", chart = folder / "accuracy.svg";
  const std::string title = absl::StrCat("Fashion-MNIST, domain ", config.domain,
                                         ": accuracy over training seconds, seed 0");
  SLUICE_RETURN_IF_ERROR(WriteFileAtomically(json, ComparisonToJson(runs, config.seconds)));
  SLUICE_RETURN_IF_ERROR(WriteFileAtomically(chart, AccuracyChart(runs, title)));
  std::cout << "\nFashion-MNIST shifted by '" << config.domain << "', " << config.images
            << " images, " << config.nproc << " ranks, " << config.seconds
            << " training seconds each, " << config.seeds << " seed(s)\n\n"
            << ComparisonTable(runs, "dense") << "\nreport: " << json << "\nchart:  " << chart
            << std::endl;
  return absl::OkStatus();
}

void WaitForInterrupt(const launch::SidecarProcess& sidecar) {
  std::cout << "the sidecar stays up at http://" << sidecar.http().ToString() << "/ until Ctrl-C"
            << std::endl;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  int received = 0;
  sigwait(&signals, &received);
}

}  // namespace

void ResolveDemo(DemoConfig& config) {
  if (config.domain.empty()) config.domain = config.init.empty() ? "invert" : "none";
  ResolveRuns(config);
}

absl::Status RunDemo(DemoConfig config) {
  ResolveDemo(config);
  const std::vector<Arm> arms = MakeArms(config.rate);
  SLUICE_RETURN_IF_ERROR(MakeFolder(config.output));
  Comparison comparison(config);
  SLUICE_RETURN_IF_ERROR(comparison.StartSidecar());
  SLUICE_RETURN_IF_ERROR(comparison.Pretrain());
  SLUICE_RETURN_IF_ERROR(comparison.Calibrate(arms, config.domain));
  std::vector<ComparedRun> runs;
  for (int64_t seed = 0; seed < config.seeds; ++seed) {
    const Trial trial = {config.domain,  seed,          arms,        absl::StrCat("seed ", seed),
                         config.command, config.output, kCurvePoints};
    SLUICE_ASSIGN_OR_RETURN(const std::vector<ComparedRun> compared, comparison.Compare(trial));
    runs.insert(runs.end(), compared.begin(), compared.end());
  }
  SLUICE_RETURN_IF_ERROR(ReportDemo(config, runs));
  if (config.keep) WaitForInterrupt(comparison.sidecar());
  return comparison.sidecar().Stop(std::chrono::seconds(10));
}

}  // namespace sluice::study
