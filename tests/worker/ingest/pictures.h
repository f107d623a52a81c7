#pragma once

#include <string>
#include <vector>

#include "tests/worker/data/encode.h"
#include "worker/data/read_image.h"
#include "worker/ingest/spool_writer.h"

namespace sluice::ingest::testing {

// Grey pictures of 4 x 4 pixels as they are.
inline data::ReadImageOptions Small() {
  data::ReadImageOptions options;
  options.channels = 1;
  options.size = 4;
  options.crop_fraction = 1.0;
  return options;
}

// The bytes of such a picture.
inline std::string Picture(uint8_t grey) {
  return data::EncodePng(std::vector<uint8_t>(16, grey), 1, 4, 4);
}

inline const std::vector<std::string>& Classes() {
  static const auto* const names = new std::vector<std::string>{"cat", "dog", "owl"};
  return *names;
}

// `count` images that no other call with another `first` has: names i<first> and so on.
inline std::vector<SpoolImage> Images(int first, int count) {
  std::vector<SpoolImage> images;
  for (int i = first; i < first + count; ++i) {
    images.push_back({"i" + std::to_string(i), Classes()[static_cast<size_t>(i % 3)],
                      Picture(static_cast<uint8_t>(i))});
  }
  return images;
}

}  // namespace sluice::ingest::testing
