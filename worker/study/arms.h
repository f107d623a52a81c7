#pragma once

#include <string>
#include <vector>

#include "worker/study/train_run.h"

namespace sluice::study {

// The head's logits stand after this block; early, because blocks up to it see every token.
inline constexpr char kGateLayer[] = "1";

// One of the ways to train that the demo compares.
struct Arm {
  std::string name;
  TrainOptions options;
};

// dense (first), random, entropy and information, each gate opening the share `rate` of the
// patches.
std::vector<Arm> MakeArms(double rate);

// As an option's value.
std::string Number(double value);

}  // namespace sluice::study
