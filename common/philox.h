#pragma once

#include <array>
#include <cstdint>

namespace sluice {

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a
// counter-based generator. A draw is a pure function of key and counter, so that it is the same on
// any number of ranks and after a restore.
std::array<uint32_t, 4> Philox(uint64_t key, std::array<uint32_t, 4> counter);

// What a draw is for: keeps the streams of different uses of one seed apart.
enum class DrawPurpose : uint32_t {
  kShuffle = 1,
  kAugment = 2,
  kDomain = 3,
  kRandomScore = 4,
  kSample = 5,
  kInit = 6,
  kDropPath = 7,
  kFootprint = 8,
  kReservoir = 9,
  kRehearsal = 10
};

// Uniform in the open interval (0, 1), from (seed, purpose, a, b, c): for instance step, image id
// and token.
double UniformDraw(uint64_t seed, DrawPurpose purpose, uint64_t a, uint64_t b, uint32_t c);

// Standard normal from the same arguments (Box-Muller).
double NormalDraw(uint64_t seed, DrawPurpose purpose, uint64_t a, uint64_t b, uint32_t c);

}  // namespace sluice
