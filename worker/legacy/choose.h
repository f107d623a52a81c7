#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::legacy {

// `count` of `size` positions, rising: what a reservoir of that capacity holds once all of them
// have passed (Vitter, "Random sampling with a reservoir", 1985, algorithm R), drawn by `seed`. All
// if there are no more.
std::vector<int64_t> ChooseReservoir(int64_t size, int64_t count, uint64_t seed);

// `count` positions, rising, as many of every class as of any other as far as there are: of each
// class those whose mean feature comes nearest to the class's (herding; Rebuffi et al., "iCaRL",
// CVPR 2017, algorithm 4). `features` [size, D] are normalised here; `labels` [size]. All if there
// are no more.
std::vector<int64_t> ChooseHerding(std::span<const float> features, std::span<const int64_t> labels,
                                   int64_t count);

}  // namespace sluice::legacy
