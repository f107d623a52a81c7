#include "worker/study/arms.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace sluice::study {
namespace {

// An image's activation rate stays within this of the rate asked for: what a step costs then does
// not depend on where the threshold stands, so a run takes the seconds that the calibration
// foresaw.
constexpr double kRateSlack = 0.02;

}  // namespace

std::string Number(double value) { return absl::StrFormat("%g", value); }

Arm DenseArm(double rate) {
  return {"dense",
          {{"gate.mode", "dense"},
           {"gate.scorer", "information"},
           {"gate.policy", "budget"},
           {"gate.rate", Number(rate)}}};
}

TrainOptions GatedOptions(const std::string& scorer, const std::string& policy, double rate,
                          const std::string& mode) {
  TrainOptions options = {{"gate.mode", mode}, {"gate.scorer", scorer}, {"gate.policy", policy}};
  // By a threshold that the sidecar steers towards the rate; floor and ceiling bound what an image
  // may cost meanwhile. Where it starts is right for random scores.
  if (policy == "threshold") options.push_back({"gate.threshold", Number(1.0 - rate)});
  options.push_back({"gate.rate", Number(rate)});
  if (policy == "threshold") {
    options.push_back({"gate.floor", Number(std::max(0.0, rate - kRateSlack))});
    options.push_back({"gate.ceiling", Number(std::min(1.0, rate + kRateSlack))});
  }
  return options;
}

// By content, patches are drawn with probability by score: always taking the highest scores leaves
// patches that are never learnt from, and costs accuracy (README, measured figures).
std::vector<Arm> MakeArms(double rate) {
  return {DenseArm(rate),
          {"random", GatedOptions("random", "threshold", rate)},
          {"entropy", GatedOptions("head", "sample", rate)},
          {"information", GatedOptions("information", "sample", rate)}};
}

}  // namespace sluice::study
