#include "worker/study/arms.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace sluice::study {
namespace {

// An image's activation rate stays within this of the rate asked for: what a step costs then does
// not depend on where the threshold stands, so a run takes the seconds that the calibration
// foresaw.
constexpr double kRateSlack = 0.02;

}  // namespace

std::string Number(double value) { return absl::StrFormat("%g", value); }

std::vector<Arm> MakeArms(double rate) {
  std::vector<Arm> arms = {{"dense",
                            {{"gate.mode", "dense"},
                             {"gate.scorer", "information"},
                             {"gate.policy", "budget"},
                             {"gate.rate", Number(rate)}}}};
  // At random by a threshold that the sidecar steers towards the rate; floor and ceiling bound what
  // an image may cost meanwhile.
  arms.push_back({"random",
                  {{"gate.mode", "compact"},
                   {"gate.scorer", "random"},
                   {"gate.policy", "threshold"},
                   {"gate.threshold", Number(1.0 - rate)},
                   {"gate.rate", Number(rate)},
                   {"gate.floor", Number(std::max(0.0, rate - kRateSlack))},
                   {"gate.ceiling", Number(rate + kRateSlack)}}});
  // By content, drawn with probability by score: always taking the highest scores leaves patches
  // that are never learnt from, and costs accuracy (README, measured figures).
  for (const auto& [name, scorer] :
       {std::pair{"entropy", "head"}, {"information", "information"}}) {
    arms.push_back({name,
                    {{"gate.mode", "compact"},
                     {"gate.scorer", scorer},
                     {"gate.policy", "sample"},
                     {"gate.rate", Number(rate)}}});
  }
  return arms;
}

}  // namespace sluice::study
