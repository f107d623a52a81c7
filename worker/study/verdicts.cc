#include "worker/study/verdicts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sluice::study {
namespace {

using Domains = std::vector<DomainRuns>;

// An arm and the difference that is asked for.
struct Gain {
  const StudyArm* arm = nullptr;
  Figure figure;
};

std::string NameAndGain(const Gain& gain) {
  return absl::StrCat(gain.arm->arm.name, " (", SignedText(gain.figure), ")");
}

std::string Joined(const std::vector<Gain>& gains) {
  return absl::StrJoin(gains, ", ", [](std::string* out, const Gain& gain) {
    absl::StrAppend(out, NameAndGain(gain));
  });
}

void SortByMean(std::vector<Gain>& gains) {
  std::stable_sort(gains.begin(), gains.end(),
                   [](const Gain& a, const Gain& b) { return a.figure.mean > b.figure.mean; });
}

// Arms by content, with all of the seconds, over their controls; the best first.
std::vector<Gain> OverControls(const std::vector<StudyArm>& arms, const Domains& domains,
                               Evaluation how) {
  std::vector<Gain> gains;
  for (const StudyArm& arm : arms) {
    if (!arm.by_content() || !arm.whole() || arm.control.empty()) continue;
    const Figure figure = Difference(domains, arm.arm.name, how, arm.control, how);
    if (figure.known()) gains.push_back({&arm, figure});
  }
  SortByMean(gains);
  return gains;
}

std::vector<Gain> Above(const std::vector<Gain>& gains) {
  std::vector<Gain> above;
  std::copy_if(gains.begin(), gains.end(), std::back_inserter(above),
               [](const Gain& gain) { return gain.figure.above(); });
  return above;
}

std::string ContentVerdict(const std::vector<StudyArm>& arms, const Domains& domains,
                           Evaluation how) {
  const std::string evaluated = how == Evaluation::kDense ? "Evaluated densely" : "Evaluated gated";
  const std::vector<Gain> gains = OverControls(arms, domains, how);
  if (gains.empty()) {
    return absl::StrCat(evaluated,
                        ", nothing was compared with random: an arm by content and its control "
                        "have no run in common.");
  }
  const size_t pairs = gains[0].figure.count;
  if (pairs < 2) {
    return absl::StrCat(evaluated, ", one pair of runs tells nothing about random; the largest ",
                        "difference is ", NameAndGain(gains[0]), ".");
  }
  const std::vector<Gain> above = Above(gains);
  const auto below = std::count_if(gains.begin(), gains.end(),
                                   [](const Gain& gain) { return gain.figure.below(); });
  const std::string rest =
      absl::StrCat("; ", below, " of ", gains.size(), " lie as far below it (", pairs, " pairs).");
  if (above.empty()) {
    return absl::StrCat(evaluated, ", none of ", gains.size(),
                        " gates by content is above random by more than two standard errors: ",
                        "the nearest is ", NameAndGain(gains[0]), rest);
  }
  return absl::StrCat(evaluated, ", ", above.size(), " of ", gains.size(), " gates by content ",
                      above.size() == 1 ? "is" : "are",
                      " above random by more than two standard errors: ", Joined(above), rest);
}

std::string HalfVerdict(const std::vector<StudyArm>& arms, const Domains& domains) {
  std::vector<Gain> reached, within, missed;
  std::string dense;
  for (const StudyArm& arm : arms) {
    if (arm.whole()) continue;
    const Gain gain = {
        &arm, Difference(domains, arm.arm.name, Evaluation::kDense, "dense", Evaluation::kDense)};
    if (!gain.figure.known()) continue;
    if (arm.scorer.empty()) {
      dense =
          absl::StrCat(" Dense itself with half of its seconds: ", SignedText(gain.figure), ".");
    } else if (gain.figure.mean >= 0.0) {
      reached.push_back(gain);
    } else {
      const bool near = gain.figure.count > 1 && gain.figure.mean >= -gain.figure.error;
      (near ? within : missed).push_back(gain);
    }
  }
  if (reached.empty() && within.empty() && missed.empty()) {
    return absl::StrCat("No gated arm was run with half of dense's seconds.", dense);
  }
  std::vector<std::string> parts;
  const auto add = [&parts](const std::vector<Gain>& gains, const std::string& how) {
    if (!gains.empty()) parts.push_back(absl::StrCat(how, ": ", Joined(gains)));
  };
  add(reached, "reached or passed");
  add(within, "within a standard error");
  add(missed, "not reached");
  return absl::StrCat("Dense's fully decayed accuracy with half of its seconds: ",
                      absl::StrJoin(parts, "; "), ".", dense);
}

// The random arm of the highest accuracy, with all of the seconds; nullptr if there is none.
const StudyArm* BestRandom(const std::vector<StudyArm>& arms, const Domains& domains) {
  const StudyArm* best = nullptr;
  double most = 0.0;
  for (const StudyArm& arm : arms) {
    if (arm.scorer != "random" || !arm.whole()) continue;
    const Figure accuracy = Accuracy(domains, arm.arm.name, Evaluation::kDense);
    if (!accuracy.known() || (best != nullptr && accuracy.mean <= most)) continue;
    best = &arm;
    most = accuracy.mean;
  }
  return best;
}

std::string DefaultVerdict(const std::vector<StudyArm>& arms, const Domains& domains) {
  const StudyArm* random = BestRandom(arms, domains);
  if (random == nullptr) return "No random gate was run, so nothing is said about the default.";
  const auto over = [&](const StudyArm& arm, const std::string& other) {
    return Difference(domains, arm.arm.name, Evaluation::kDense, other, Evaluation::kDense);
  };
  std::vector<Gain> winners;
  for (const Gain& gain : Above(OverControls(arms, domains, Evaluation::kDense))) {
    const Gain over_best = {gain.arm, over(*gain.arm, random->arm.name)};
    if (over_best.figure.above()) winners.push_back(over_best);
  }
  SortByMean(winners);
  for (const Gain& winner : winners) {
    const Figure to_dense = over(*winner.arm, "dense");
    if (to_dense.below()) continue;
    return absl::StrCat("The default should be ", winner.arm->arm.name, ": ",
                        SignedText(winner.figure), " over the best random gate, ", random->arm.name,
                        ", and ", SignedText(to_dense), " over dense.");
  }
  const Figure to_dense = over(*random, "dense");
  if (to_dense.below()) {
    return absl::StrCat("The default should be dense: the best random gate, ", random->arm.name,
                        ", is at ", SignedText(to_dense), " to it, and no better gate by ",
                        "content makes up for that.");
  }
  return absl::StrCat("The default should be ", random->arm.name,
                      ": no gate by content is above it by more than two standard errors, and it ",
                      "is at ", SignedText(to_dense), " to dense.");
}

}  // namespace

std::string SignedText(const Figure& figure) {
  if (!figure.known()) return "-";
  return figure.count > 1 ? absl::StrFormat("%+.1f ± %.1f", figure.mean, figure.error)
                          : absl::StrFormat("%+.1f", figure.mean);
}

std::vector<std::string> Verdicts(const std::vector<StudyArm>& arms, const Domains& domains) {
  return {ContentVerdict(arms, domains, Evaluation::kDense),
          ContentVerdict(arms, domains, Evaluation::kGated), HalfVerdict(arms, domains),
          DefaultVerdict(arms, domains)};
}

}  // namespace sluice::study
