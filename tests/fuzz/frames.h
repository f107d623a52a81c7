#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::fuzz {

// Several messages in one input: each behind its length in two bytes, low byte first. Bytes that
// are missing at the end are left out.
inline std::vector<std::string> SplitFrames(const uint8_t* data, size_t size) {
  std::vector<std::string> frames;
  while (size >= 2) {
    const size_t length = data[0] | size_t{data[1]} << 8;
    data += 2;
    size -= 2;
    const size_t taken = length < size ? length : size;
    frames.emplace_back(reinterpret_cast<const char*>(data), taken);
    data += taken;
    size -= taken;
  }
  return frames;
}

inline void AppendFrame(const std::string& frame, std::string& input) {
  input += static_cast<char>(frame.size() & 0xff);
  input += static_cast<char>(frame.size() >> 8);
  input += frame;
}

}  // namespace sluice::fuzz
