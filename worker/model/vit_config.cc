#include "worker/model/vit_config.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::model {
namespace {

VitConfig Make(const std::string& name, int64_t image_size, int64_t patch, int64_t dim,
               int64_t depth, int64_t heads) {
  VitConfig config;
  config.name = name;
  config.image_size = image_size;
  config.patch = patch;
  config.dim = dim;
  config.depth = depth;
  config.heads = heads;
  config.mlp_dim = 4 * dim;
  return config;
}

VitConfig Nano() {
  VitConfig config = Make("vit_nano", 28, 4, 128, 6, 4);
  config.channels = 1;
  config.classes = 10;
  return config;
}

VitConfig DinoV2Small() {
  VitConfig config = Make("vit_small_patch14_dinov2", 518, 14, 384, 12, 6);
  config.layer_scale = true;
  return config;
}

// timm's weights of LAION and DataComp want kGelu, OpenAI's own kQuickGelu.
VitConfig ClipLarge(const std::string& name, Activation activation) {
  VitConfig config = Make(name, 224, 14, 1024, 24, 16);
  config.pre_norm = true;
  config.norm_epsilon = 1e-5;
  config.activation = activation;
  return config;
}

const std::vector<VitConfig>& Presets() {
  static const std::vector<VitConfig> presets = {
      Nano(),
      Make("vit_tiny", 224, 16, 192, 12, 3),
      Make("vit_small", 224, 16, 384, 12, 6),
      DinoV2Small(),
      Make("vit_base", 224, 16, 768, 12, 12),
      Make("vit_large", 224, 14, 1024, 24, 16),
      ClipLarge("vit_large_patch14_clip", Activation::kGelu),
      ClipLarge("vit_large_patch14_clip_quickgelu", Activation::kQuickGelu),
  };
  return presets;
}

}  // namespace

std::vector<std::string> VitPresetNames() {
  std::vector<std::string> names;
  for (const VitConfig& preset : Presets()) names.push_back(preset.name);
  return names;
}

absl::StatusOr<VitConfig> VitPreset(const std::string& name) {
  for (const VitConfig& preset : Presets()) {
    if (preset.name == name) return preset;
  }
  return absl::InvalidArgumentError(absl::StrCat("model is '", name, "', expected one of ",
                                                 absl::StrJoin(VitPresetNames(), ", ")));
}

absl::Status ValidateVitConfig(const VitConfig& config) {
  const auto positive = [](const char* field, int64_t value) {
    return value > 0 ? absl::OkStatus()
                     : absl::InvalidArgumentError(
                           absl::StrCat("model.", field, " is ", value, ", expected at least 1"));
  };
  for (const auto& [field, value] : {std::pair{"image_size", config.image_size},
                                     {"channels", config.channels},
                                     {"patch", config.patch},
                                     {"dim", config.dim},
                                     {"depth", config.depth},
                                     {"heads", config.heads},
                                     {"mlp_dim", config.mlp_dim},
                                     {"classes", config.classes}}) {
    if (auto status = positive(field, value); !status.ok()) return status;
  }
  if (config.image_size % config.patch != 0) {
    return absl::InvalidArgumentError(absl::StrCat("model.image_size is ", config.image_size,
                                                   ", expected a multiple of the patch size ",
                                                   config.patch));
  }
  if (config.dim % config.heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "model.dim is ", config.dim, ", expected a multiple of heads: ", config.heads));
  }
  return absl::OkStatus();
}

}  // namespace sluice::model
