#include "worker/study/demo.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/log_line.h"
#include "common/options.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/data/domain.h"
#include "worker/model/vit_config.h"

namespace sluice::commands {
namespace {

bool StartsFromWeights(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& a) {
    return a == "--init" || absl::StartsWith(a, "--init=");
  });
}

}  // namespace

absl::Status Demo(const std::vector<std::string>& arguments) {
  study::DemoConfig config;
  if (StartsFromWeights(arguments)) {
    // A larger model: fewer images per step, gentler steps, more seconds. The images are new to it.
    config.batch = 16;
    config.lr = 1e-4;
    config.seconds = 120.0;
    config.domain = "none";
    config.rate = 0.25;
  }
  OptionSet options("sluice-worker demo",
                    "Dense against gated post-training at equal seconds, on Fashion-MNIST");
  options.Text("output", &config.output, "Folder of report, chart and runs");
  options.Choice("domain", &config.domain, data::DomainNames(), "Shift of the new domain");
  options.Text("data", &config.data_folder, "Folder of Fashion-MNIST's IDX files");
  options.Integer("seeds", &config.seeds, 1, 100,
                  "Repetitions with other images and another order");
  options.Integer("nproc", &config.nproc, 1, 64, "Ranks");
  options.Number("seconds", &config.seconds, 1, 86400, "Training seconds of each run");
  options.Number("rate", &config.rate, 0.06, 0.94, "Share of patch tokens that gated runs open");
  options.Integer("images", &config.images, 64, 60000, "Training images of the new domain");
  options.Integer("eval_images", &config.eval_images, 64, 10000, "Test images of the new domain");
  options.Integer("pretrain_steps", &config.pretrain_steps, 30, 1'000'000,
                  "Steps of the pretrained model");
  options.Number("lr", &config.lr, 1e-6, 1, "Peak learning rate of every run");
  options.Integer("batch", &config.batch, 2, 65536, "Images per step, over all ranks");
  options.Text("init", &config.init,
               "Weights with timm's names to start from, without pretraining");
  options.Choice("preset", &config.preset, model::VitPresetNames(), "Shape of the model of --init");
  options.Integer("image_size", &config.image_size, 8, 1024, "Its pixels per side");
  options.Flag("keep", &config.keep, "Leave the sidecar up until interrupted");
  options.Flag("fresh", &config.fresh, "Train the pretrained model anew although there is one");
  SLUICE_ASSIGN_OR_RETURN(const bool go_on, options.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  StartLog("demo", "info");
  return study::RunDemo(config);
}

}  // namespace sluice::commands
