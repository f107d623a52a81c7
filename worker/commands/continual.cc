#include "worker/study/continual.h"

#include "common/log_line.h"
#include "common/options.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/data/domain.h"
#include "worker/study/continual_strategies.h"

namespace sluice::commands {

absl::Status Continual(const std::vector<std::string>& arguments) {
  study::ContinualConfig c;
  OptionSet o(
      "sluice-worker continual",
      "Strategies against forgetting over a sequence of domains of Fashion-MNIST or digits");
  o.Text("output", &c.output, "Folder of report, chart and runs");
  o.Text("data", &c.data_folder, "Folder of Fashion-MNIST's IDX files");
  o.Choices("domains", &c.domains, data::DomainNames(), "Shifts of the domain, in their order");
  o.Choices("strategies", &c.strategies, study::StrategyNames(),
            "What is compared, sft first; by default all");
  o.Integer("nproc", &c.nproc, 1, 64, "Ranks");
  o.Integer("seeds", &c.seeds, 1, 100, "Repetitions with other images and another order");
  o.Integer("first_steps", &c.first_steps, 10, 1'000'000, "Steps on the first domain");
  o.Integer("steps", &c.steps, 10, 1'000'000, "Steps on each of the others");
  o.Integer("batch", &c.batch, 2, 65536, "Images per step, over all ranks");
  o.Integer("images", &c.images, 64, 60000, "Training images of a domain");
  o.Integer("eval_images", &c.eval_images, 64, 9500, "Test images of a domain");
  o.Integer("buffer", &c.buffer_images, 1, 60000, "Images that rehearsal keeps of a domain");
  o.Number("lr", &c.lr, 1e-6, 1, "Peak learning rate");
  o.Number("rate", &c.rate, 0.06, 0.94, "Share of patch tokens that gates open");
  o.Number("gated_steps", &c.gated_steps, 0.1, 100,
           "Steps of gated strategies, times those of the others");
  o.Number("recipe_rate", &c.recipe_rate, 0.06, 0.94,
           "Share of patch tokens that Sluice's recipe opens");
  o.Number("recipe_steps", &c.recipe_steps, 0.1, 100, "Its steps, times those of dense strategies");
  o.Number("recipe_batch", &c.recipe_batch, 0.1, 100, "Its batch, times --batch");
  o.Number("recipe_share", &c.recipe_share, 0, 0.999, "What it rehearses of that");
  o.Flag("digits", &c.digits,
         "scikit-learn's digits instead, as `deploy/local.sh continual --digits` has them; --data "
         "is their folder");
  o.Flag("quick", &c.quick, "Under ten minutes on two cores: five strategies, one seed");
  o.Flag("fresh", &c.fresh, "Take nothing from an earlier benchmark in the folder");
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, o.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  StartLog("continual", "info");
  return study::RunContinual(c);
}

}  // namespace sluice::commands
