#pragma once

#include <cstdint>
#include <string>

#include "sluice/v1/token_map.pb.h"

namespace sluice::sidecar::testing {

// A PNG of one grey pixel.
inline std::string OnePixel() {
  return std::string(
      "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9c"
      "c`\0\0\0\2\0\1H\xaf\xa4q\0\0\0\0IEND\xae"
      "B`\x82",
      67);
}

// A map of one image of 3 x 3 patches with one gate, of which the first and the last are open.
inline v1::TokenMap MapOf(uint64_t step) {
  v1::TokenMap map;
  map.set_step(step);
  map.set_rows(3);
  map.set_columns(3);
  v1::TokenMapImage* image = map.add_images();
  image->set_image_id(7);
  image->set_label("boot");
  image->set_thumbnail(OnePixel());
  v1::TokenMapLayer* layer = image->add_layers();
  layer->set_layer(2);
  layer->set_open("\x01\x01");
  layer->set_scores("123456789");
  return map;
}

}  // namespace sluice::sidecar::testing
