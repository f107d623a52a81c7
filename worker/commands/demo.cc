#include "worker/study/demo.h"

#include "common/log_line.h"
#include "common/options.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/commands/comparison_options.h"
#include "worker/data/domain.h"

namespace sluice::commands {

absl::Status Demo(const std::vector<std::string>& arguments) {
  study::DemoConfig config;
  OptionSet options("sluice-worker demo",
                    "Dense against gated post-training at equal seconds, on Fashion-MNIST");
  DefineComparisonOptions(options, config);
  options.Choice("domain", &config.domain, data::DomainNames(),
                 "Shift of the new domain , by default invert, none with --init");
  options.Integer("seeds", &config.seeds, 1, 100,
                  "Repetitions with other images and another order");
  options.Number("lr", &config.lr, 1e-6, 1,
                 "Peak learning rate of every run; by default 2e-3, 1e-4 with --init");
  options.Flag("keep", &config.keep, "Leave the sidecar up until interrupted");
  options.Flag("fresh", &config.fresh, "Train the pretrained model anew although there is one");
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, options.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  StartLog("demo", "info");
  return study::RunDemo(config);
}

}  // namespace sluice::commands
