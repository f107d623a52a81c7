#pragma once

#include <string>
#include <vector>

#include "worker/study/arms.h"

namespace sluice::study {

// What the arms of a study are made of: every scorer with every policy and every schedule.
struct StudyGrid {
  std::vector<std::string> scorers;    // Names of gate.scorer.
  std::vector<std::string> policies;   // Names of gate.policy.
  std::vector<std::string> schedules;  // constant, grow, anneal.
  // Scorers (or `dense`) whose arm of the first policy and schedule also runs with half of the
  // seconds.
  std::vector<std::string> half;
  double rate = 0.15;
  std::string mode = "compact";  // Name of gate.mode.
  // Parts of the steps: the first, in which `anneal` closes gates, and the last, in which `grow`
  // opens them.
  double anneal = 0.2;
  double grow = 0.25;
};

// An arm and what it is made of; the three names are empty for dense.
struct StudyArm {
  Arm arm;
  std::string scorer{};
  std::string policy{};
  std::string schedule{};
  // The arm that chooses at random and is otherwise the same; empty if it is one, or there is none.
  std::string control{};

  bool by_content() const { return !scorer.empty() && scorer != "random"; }
  bool whole() const { return arm.share == 1.0; }  // Has all of the seconds.
};

inline constexpr double kHalf = 0.5;

// dense first, then SCORER/POLICY/SCHEDULE, then those at half of the seconds, whose names end with
// @0.5. No two are the same: with random scores, `sample` and `budget` are one draw, so only the
// first of the two that is listed is there.
std::vector<StudyArm> MakeStudyArms(const StudyGrid& grid);

const std::vector<std::string>& ScheduleNames();

}  // namespace sluice::study
