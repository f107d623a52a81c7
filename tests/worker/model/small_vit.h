#pragma once

#include "worker/model/vit_config.h"

namespace sluice::model::testing {

// 12 x 12 images of 2 channels in 9 patches; `features` adds the norm before the blocks and
// LayerScale.
inline VitConfig SmallConfig(Pool pool, bool features) {
  VitConfig config;
  config.image_size = 12;
  config.channels = 2;
  config.patch = 4;
  config.dim = 16;
  config.depth = 4;
  config.heads = 2;
  config.mlp_dim = 40;
  config.classes = 5;
  config.pool = pool;
  config.pre_norm = features;
  config.layer_scale = features;
  config.layer_scale_init = 0.7;
  return config;
}

}  // namespace sluice::model::testing
