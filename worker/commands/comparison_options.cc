#include "worker/commands/comparison_options.h"

#include "worker/model/vit_config.h"

namespace sluice::commands {

void DefineComparisonOptions(OptionSet& o, study::ComparisonConfig& c) {
  o.Text("output", &c.output, "Folder of report, chart and runs");
  o.Text("data", &c.data_folder, "Folder of Fashion-MNIST's IDX files");
  o.Integer("nproc", &c.nproc, 1, 64, "Ranks");
  o.Number("seconds", &c.seconds, 1, 86400,
           "Training seconds of each run; by default 30, 120 with --init");
  o.Number("rate", &c.rate, 0.06, 0.94,
           "Share of patch tokens that gated runs open; by default 0.15, 0.25 with --init");
  o.Integer("images", &c.images, 64, 60000, "Training images of the new domain");
  o.Integer("eval_images", &c.eval_images, 64, 10000, "Test images of the new domain");
  o.Integer("pretrain_steps", &c.pretrain_steps, 30, 1'000'000, "Steps of the pretrained model");
  o.Integer("batch", &c.batch, 2, 65536,
            "Images per step, over all ranks; by default 64, 16 with --init");
  o.Text("init", &c.init, "Weights with timm's names to start from, without pretraining");
  o.Choice("preset", &c.preset, model::VitPresetNames(), "Shape of the model of --init");
  o.Integer("image_size", &c.image_size, 8, 1024, "Its pixels per side");
  o.Integer("together", &c.together, 2, 1000,
            "Most runs that are in memory at once and take turns; by default 12, 5 with --init");
}

}  // namespace sluice::commands
