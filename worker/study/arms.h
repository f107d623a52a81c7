#pragma once

#include <string>
#include <vector>

#include "worker/study/train_run.h"

namespace sluice::study {

// The head's logits stand after this block; early, because blocks up to it see every token.
inline constexpr char kGateLayer[] = "1";

// One of the ways to train that a comparison compares.
struct Arm {
  std::string name;
  TrainOptions options;
  double share = 1.0;  // Of the comparison's seconds.
  // Parts of its steps: the first, in which its gates close from all open, and the last, in which
  // they open again.
  double anneal = 0.0;
  double grow = 0.0;
  double lr = 0.0;  // Peak learning rate; 0: the comparison's.
  // A step costs what one of this arm does, which is calibrated for both. Empty: its own.
  std::string like{};
};

// Everything is computed. What gates open in evaluation is chosen by `information`.
Arm DenseArm(double rate);

// Options of a gate that opens the share `rate` of the patches, by these names of `gate.scorer` and
// `gate.policy`, in `mode` compact or selective.
TrainOptions GatedOptions(const std::string& scorer, const std::string& policy, double rate,
                          const std::string& mode = "compact");

// The demo's: dense (first), random, entropy and information, each gate opening the share `rate` of
// the patches.
std::vector<Arm> MakeArms(double rate);

// As an option's value.
std::string Number(double value);

}  // namespace sluice::study
