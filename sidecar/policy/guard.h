#pragma once

#include "sidecar/policy/proposal.h"

namespace sluice::sidecar {

// What the guard made of a threshold.
struct Guarded {
  double threshold = 0.0;
  double predicted_rate = 0.0;  // Of the threshold that came in.
  bool acted = false;
};

// Keeps the activation rate that `weights` predicts in [low, high]: a threshold that would open
// fewer tokens becomes the one that opens `low`, one that would open more becomes the one that
// opens `high`. With no weight at all it lets the threshold pass. Pure.
Guarded Guard(double threshold, const ScoreWeights& weights, double low, double high);

}  // namespace sluice::sidecar
