#include "common/philox.h"

#include <cmath>
#include <numbers>

namespace sluice {
namespace {

constexpr uint32_t kMul0 = 0xD2511F53u;
constexpr uint32_t kMul1 = 0xCD9E8D57u;
constexpr uint32_t kWeyl0 = 0x9E3779B9u;
constexpr uint32_t kWeyl1 = 0xBB67AE85u;

std::array<uint32_t, 4> DrawWords(uint64_t seed, DrawPurpose purpose, uint64_t a, uint64_t b,
                                  uint32_t c) {
  // 160 bits of arguments and 64 of seed do not fit one block's 128 + 64: the purpose and the high
  // words enter the key.
  const auto folded = Philox(seed, {static_cast<uint32_t>(purpose), static_cast<uint32_t>(a >> 32),
                                    static_cast<uint32_t>(b >> 32), 0x536C7563u});
  const uint64_t key = (uint64_t{folded[0]} << 32) | folded[1];
  return Philox(key, {static_cast<uint32_t>(a), static_cast<uint32_t>(b), c, 0});
}

// 53 random bits, centred so that neither 0 nor 1 can come out.
double ToUnit(uint32_t high, uint32_t low) {
  const uint64_t bits = ((uint64_t{high} << 32) | low) >> 11;
  return (static_cast<double>(bits >> 1) + 0.5) * 0x1.0p-52;
}

}  // namespace

std::array<uint32_t, 4> Philox(uint64_t key, std::array<uint32_t, 4> counter) {
  uint32_t k0 = static_cast<uint32_t>(key);
  uint32_t k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{kMul0} * counter[0];
    const uint64_t p1 = uint64_t{kMul1} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return counter;
}

double UniformDraw(uint64_t seed, DrawPurpose purpose, uint64_t a, uint64_t b, uint32_t c) {
  const auto words = DrawWords(seed, purpose, a, b, c);
  return ToUnit(words[0], words[1]);
}

double NormalDraw(uint64_t seed, DrawPurpose purpose, uint64_t a, uint64_t b, uint32_t c) {
  const auto words = DrawWords(seed, purpose, a, b, c);
  const double radius = std::sqrt(-2.0 * std::log(ToUnit(words[0], words[1])));
  return radius * std::cos(2.0 * std::numbers::pi * ToUnit(words[2], words[3]));
}

}  // namespace sluice
