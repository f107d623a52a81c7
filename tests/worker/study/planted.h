#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/study/study_rows.h"

// Runs with accuracies that a test chooses.
namespace sluice::study {

inline ComparedRun Planted(const std::string& arm, int64_t seed, std::optional<double> dense,
                           std::optional<double> gated = std::nullopt) {
  ComparedRun run;
  run.name = arm;
  run.seed = seed;
  run.report.accuracy_dense = dense;
  run.report.accuracy_gated = gated;
  run.report.seconds = 10.0;
  run.report.steps = 100;
  run.report.activation_rate = 0.15;
  run.lr = 0.002;
  run.dense_seconds = 20.0;
  return run;
}

// Arms dense, random/sample/constant, information/sample/constant and head/sample/constant, and
// those of random and information with half of the seconds.
inline std::vector<StudyArm> PlantedArms() {
  StudyGrid grid;
  grid.scorers = {"random", "information", "head"};
  grid.policies = {"sample"};
  grid.schedules = {"constant"};
  grid.half = {"random", "information"};
  return MakeStudyArms(grid);
}

inline constexpr char kRandomArm[] = "random/sample/constant";
inline constexpr char kInformationArm[] = "information/sample/constant";
inline constexpr char kHeadArm[] = "head/sample/constant";
inline constexpr char kRandomHalf[] = "random/sample/constant@0.5";
inline constexpr char kInformationHalf[] = "information/sample/constant@0.5";

}  // namespace sluice::study
