#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::model {

// How the classifier sees the tokens: the class token, or the mean over the (open) patch tokens.
enum class Pool { kClassToken, kMean };

// Activation inside the MLP: exact GELU, or OpenAI's x * sigmoid(1.702 x).
enum class Activation { kGelu, kQuickGelu };

// Shape of a vision transformer, in timm's terms. A plain value.
struct VitConfig {
  std::string name;
  int64_t image_size = 224;  // Height and width in pixels.
  int64_t channels = 3;
  int64_t patch = 16;  // Height and width of a patch in pixels; divides image_size.
  int64_t dim = 768;   // Width of a token; a multiple of heads.
  int64_t depth = 12;
  int64_t heads = 12;
  int64_t mlp_dim = 3072;
  int64_t classes = 1000;
  bool pre_norm = false;     // CLIP's norm before the blocks, and a patch embedding without bias.
  bool layer_scale = false;  // DINOv2's ls1 and ls2.
  double layer_scale_init = 1e-5;
  double norm_epsilon = 1e-6;
  Pool pool = Pool::kClassToken;
  Activation activation = Activation::kGelu;

  int64_t grid() const { return image_size / patch; }
  int64_t patches() const { return grid() * grid(); }
  // Tokens of an image: the class token and the patches.
  int64_t tokens() const { return patches() + 1; }
  int64_t patch_values() const { return channels * patch * patch; }
  int64_t head_dim() const { return dim / heads; }

  bool operator==(const VitConfig&) const = default;
};

// Names of all presets, small to large.
std::vector<std::string> VitPresetNames();

// A preset by name. INVALID_ARGUMENT that lists the names otherwise.
absl::StatusOr<VitConfig> VitPreset(const std::string& name);

// OK if sizes are positive and divide as they must; INVALID_ARGUMENT that names the field
// otherwise.
absl::Status ValidateVitConfig(const VitConfig& config);

}  // namespace sluice::model
