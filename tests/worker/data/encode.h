#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::data {

// Interleaved 8-bit pixels of 1 (grey), 3 (RGB) or, in PNG, 4 (RGBA) channels to a file's bytes.
std::string EncodePng(const std::vector<uint8_t>& pixels, int channels, int height, int width);
// Best quality, no chroma subsampling.
std::string EncodeJpeg(const std::vector<uint8_t>& pixels, int channels, int height, int width);

// A picture of one colour.
std::vector<uint8_t> Plain(const std::vector<uint8_t>& colour, int height, int width);

}  // namespace sluice::data
