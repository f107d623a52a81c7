#include "worker/study/study.h"

#include "common/log_line.h"
#include "common/options.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/commands/comparison_options.h"
#include "worker/data/domain.h"

namespace sluice::commands {
namespace {

void DefineStudyOptions(OptionSet& o, study::StudyConfig& c) {
  DefineComparisonOptions(o, c);
  o.Text("scorers", &c.scorers, "Names of gate.scorer, with commas; by default all");
  o.Text("policies", &c.policies,
         "sample, budget, threshold, with commas; by default sample,budget");
  o.Text("schedules", &c.schedules,
         "constant, grow, anneal, with commas; by default constant,grow");
  o.Choice("mode", &c.mode, {"compact", "selective"}, "What a closed token costs: gate.mode");
  o.Text("half", &c.half,
         "Scorers, or dense, whose first arm also runs with half of the seconds; none; by default "
         "random,information,dense");
  o.Text("domains", &c.domains,
         "Shifts of the domain, with commas; by default invert,rotate90,noise; none with --init");
  o.Integer("seeds", &c.seeds, 1, 100,
            "Repetitions with other images and another order; by "
            "default 5");
  o.Number("anneal", &c.anneal, 0, 1, "Share of the steps in which `anneal` closes the gates");
  o.Number("grow", &c.grow, 0, 1, "Share of the steps in which `grow` opens them at the end");
  o.Numbers("lrs", &c.lrs, 1e-6, 1,
            "Peak learning rate; several with --tune, by default 1e-3,2e-3,4e-3");
  o.Flag("tune", &c.tune,
         "Give each arm the best of the learning rates, tried on a seed that is not reported");
  o.Flag("quick", &c.quick,
         "About ten minutes on two cores: dense, random, information and random at half of the "
         "seconds, one seed");
  o.Flag("fresh", &c.fresh, "Take nothing from an earlier study in the folder");
}

}  // namespace

absl::Status Study(const std::vector<std::string>& arguments) {
  study::StudyConfig config;
  OptionSet options("sluice-worker study",
                    "Scorers, policies and schedules of the gate at equal measured seconds, over "
                    "domains and seeds");
  DefineStudyOptions(options, config);
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, options.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(const study::StudyPlan plan,
                          study::ResolveStudy(config, data::DomainNames()));
  StartLog("study", "info");
  return study::RunStudy(plan);
}

}  // namespace sluice::commands
