#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "sluice/v1/token_map.pb.h"

namespace sluice::sidecar {

// Bounds of a map: the largest possible one is shorter than a message may be.
inline constexpr uint64_t kMostMapSide = 128;
inline constexpr uint64_t kMostMapImages = 8;
inline constexpr size_t kMostMapLabelBytes = 128;
inline constexpr size_t kMostThumbnailBytes = 32 << 10;
inline constexpr uint32_t kMostThumbnailPixels = 96;

// Every length is what rows and columns say, and a thumbnail is a small PNG by its header: a
// browser unpacks it. `rank` is the sender's. An error is a refusal that names the field.
absl::Status CheckTokenMap(const v1::TokenMap& map, uint32_t rank);

// DATA_LOSS if `json` is not a TokenMap.
absl::Status CheckTokenMapJson(const std::string& json);

}  // namespace sluice::sidecar
