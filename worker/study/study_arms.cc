#include "worker/study/study_arms.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::study {
namespace {

// Under random scores the highest are a draw as well.
std::string DrawOf(const std::string& policy) { return policy == "budget" ? "sample" : policy; }

bool SameDraw(const StudyArm& a, const StudyArm& b) {
  return DrawOf(a.policy) == DrawOf(b.policy) && a.schedule == b.schedule &&
         a.arm.share == b.arm.share;
}

StudyArm MakeArm(const StudyGrid& grid, const std::string& scorer, const std::string& policy,
                 const std::string& schedule) {
  StudyArm result;
  result.arm.name = absl::StrCat(scorer, "/", policy, "/", schedule);
  result.arm.options = GatedOptions(scorer, policy, grid.rate, grid.mode);
  result.arm.anneal = schedule == "anneal" ? grid.anneal : 0.0;
  result.arm.grow = schedule == "grow" ? grid.grow : 0.0;
  result.scorer = scorer;
  result.policy = policy;
  result.schedule = schedule;
  return result;
}

// Every combination, without the second of two equal draws.
std::vector<StudyArm> GridArms(const StudyGrid& grid) {
  std::vector<StudyArm> arms;
  for (const std::string& scorer : grid.scorers) {
    for (const std::string& policy : grid.policies) {
      for (const std::string& schedule : grid.schedules) {
        StudyArm arm = MakeArm(grid, scorer, policy, schedule);
        const bool drawn = scorer == "random" &&
                           std::any_of(arms.begin(), arms.end(), [&arm](const StudyArm& other) {
                             return other.scorer == "random" && SameDraw(other, arm);
                           });
        if (!drawn) arms.push_back(std::move(arm));
      }
    }
  }
  return arms;
}

StudyArm HalfOf(StudyArm arm) {
  arm.arm.like = arm.arm.name;
  arm.arm.share = kHalf;
  absl::StrAppend(&arm.arm.name, "@", Number(kHalf));
  return arm;
}

void SetControls(std::vector<StudyArm>& arms) {
  for (StudyArm& arm : arms) {
    if (!arm.by_content()) continue;
    for (const StudyArm& other : arms) {
      if (other.scorer == "random" && SameDraw(other, arm)) arm.control = other.arm.name;
    }
  }
}

}  // namespace

const std::vector<std::string>& ScheduleNames() {
  static const auto* const names = new std::vector<std::string>{"constant", "grow", "anneal"};
  return *names;
}

std::vector<StudyArm> MakeStudyArms(const StudyGrid& grid) {
  std::vector<StudyArm> arms = {StudyArm{DenseArm(grid.rate)}};
  for (StudyArm& arm : GridArms(grid)) arms.push_back(std::move(arm));
  for (const std::string& name : grid.half) {
    const auto whole = std::find_if(arms.begin(), arms.end(), [&name](const StudyArm& arm) {
      return arm.scorer == name || arm.arm.name == name;
    });
    if (whole != arms.end()) arms.push_back(HalfOf(*whole));
  }
  SetControls(arms);
  return arms;
}

}  // namespace sluice::study
