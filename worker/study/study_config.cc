#include "worker/study/study_config.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status.h"
#include "worker/gate/scorer.h"

namespace sluice::study {
namespace {

// Beyond its training seconds a run starts, reads its data and is evaluated, and every one of its
// turns is a pause and a resume. As with vit_nano, and with a ViT-S that is given, on two cores.
constexpr double kSecondsPerRun = 6.0;
constexpr double kSecondsPerLargeRun = 60.0;
constexpr double kTurnOverhead = 0.15;  // Of the training seconds.
constexpr double kRetries = 0.3;        // Comparisons that are run again, as a part of all.
constexpr double kPretrainingStepSeconds = 0.35;
constexpr double kCalibration = 0.35;  // Of a comparison's training seconds.

using NameList = std::vector<std::string>;

absl::Status BadList(const std::string& key, const std::string& value,
                     const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat(key, " is '", value, "', expected ", expected));
}

// The names of the list `text`, or of `standard` if it is empty.
absl::StatusOr<NameList> ReadNames(const std::string& key, const std::string& text,
                                   const std::string& standard, const NameList& allowed) {
  const std::string list = text.empty() ? standard : text;
  const NameList names = absl::StrSplit(list, ',', absl::SkipEmpty());
  if (names.empty()) return BadList(key, list, "one name or more");
  for (const std::string& name : names) {
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      return BadList(key, list,
                     absl::StrCat("names of ", absl::StrJoin(allowed, ", "), "; '", name,
                                  "' is not among them"));
    }
    if (std::count(names.begin(), names.end(), name) > 1) {
      return BadList(key, list, absl::StrCat("each name once, '", name, "' too"));
    }
  }
  return names;
}

absl::StatusOr<StudyGrid> ResolveGrid(const StudyConfig& config, double rate) {
  StudyGrid grid;
  grid.rate = rate;
  grid.mode = config.mode;
  grid.anneal = config.anneal;
  grid.grow = config.grow;
  SLUICE_ASSIGN_OR_RETURN(
      grid.scorers,
      ReadNames("scorers", config.scorers,
                config.quick ? "random,information" : absl::StrJoin(gate::ScorerNames(), ","),
                gate::ScorerNames()));
  SLUICE_ASSIGN_OR_RETURN(grid.policies, ReadNames("policies", config.policies,
                                                   config.quick ? "sample" : "sample,budget",
                                                   {"sample", "budget", "threshold"}));
  SLUICE_ASSIGN_OR_RETURN(grid.schedules,
                          ReadNames("schedules", config.schedules,
                                    config.quick ? "constant" : "constant,grow", ScheduleNames()));
  if (config.half == "none") return grid;
  NameList allowed = grid.scorers;
  allowed.push_back("dense");
  const auto has = [&grid](const std::string& name) {
    return std::find(grid.scorers.begin(), grid.scorers.end(), name) != grid.scorers.end();
  };
  std::string standard = has("random") ? "random" : grid.scorers[0];
  if (!config.quick) {
    if (has("information") && standard != "information") standard += ",information";
    standard += ",dense";
  }
  SLUICE_ASSIGN_OR_RETURN(grid.half, ReadNames("half", config.half, standard, allowed));
  return grid;
}

// Learning rates to try: half and twice the usual one beside it.
absl::StatusOr<std::vector<double>> ResolveRates(const StudyConfig& config, double usual) {
  std::vector<double> lrs = config.lrs;
  if (lrs.empty()) {
    lrs = config.tune ? std::vector<double>{0.5 * usual, usual, 2.0 * usual}
                      : std::vector<double>{usual};
  }
  const std::string given = absl::StrJoin(lrs, ",");
  if (config.tune && lrs.size() < 2) return BadList("lrs", given, "several, for --tune");
  if (!config.tune && lrs.size() > 1) return BadList("lrs", given, "one, or --tune");
  std::sort(lrs.begin(), lrs.end());
  if (std::adjacent_find(lrs.begin(), lrs.end()) != lrs.end()) {
    return BadList("lrs", given, "each once");
  }
  return lrs;
}

}  // namespace

absl::StatusOr<StudyPlan> ResolveStudy(const StudyConfig& config, const NameList& domain_names) {
  StudyPlan plan;
  plan.runs = config;
  const bool nano = config.init.empty();
  if (config.quick && plan.runs.seconds == 0.0 && nano) plan.runs.seconds = 20.0;
  if (plan.runs.eval_images == 0) plan.runs.eval_images = config.quick ? 1000 : 2000;
  ResolveRuns(plan.runs);
  SLUICE_ASSIGN_OR_RETURN(plan.grid, ResolveGrid(config, plan.runs.rate));
  plan.arms = MakeStudyArms(plan.grid);
  SLUICE_ASSIGN_OR_RETURN(
      plan.domains,
      ReadNames("domains", config.domains, nano ? "invert,rotate90,noise" : "none", domain_names));
  plan.seeds = config.seeds > 0 ? config.seeds : config.quick ? 1 : 5;
  SLUICE_ASSIGN_OR_RETURN(plan.lrs, ResolveRates(config, plan.runs.lr));
  plan.runs.lr = plan.lrs[0];
  return plan;
}

double GuessedSeconds(const StudyPlan& plan, int64_t comparisons) {
  if (comparisons == 0) return 0.0;
  double shares = 0.0;
  for (const StudyArm& arm : plan.arms) shares += arm.arm.share;
  const auto others = static_cast<int64_t>(plan.arms.size()) - 1, room = plan.runs.together - 1;
  shares += static_cast<double>((others - 1) / room);  // Dense again, in every further group.
  const auto arms = static_cast<double>(plan.arms.size());
  const double training = plan.runs.seconds * shares * (1.0 + kTurnOverhead);
  const double beside = arms * (plan.runs.init.empty() ? kSecondsPerRun : kSecondsPerLargeRun);
  const double pretraining =
      plan.runs.init.empty()
          ? kPretrainingStepSeconds * static_cast<double>(plan.runs.pretrain_steps)
          : 0.0;
  return pretraining + kCalibration * training + beside +
         (1.0 + kRetries) * (training + beside) * static_cast<double>(comparisons);
}

}  // namespace sluice::study
