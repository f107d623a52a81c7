#pragma once

#include "sidecar/policy/proposal.h"

namespace sluice::sidecar {

// What the guard made of a threshold.
struct Guarded {
  double threshold = 0.0;
  double predicted_rate = 0.0;  // Of the threshold that came in.
  bool acted = false;
};

// What the last window showed: the threshold that was in force and the share that it opened.
struct Observed {
  double threshold = 0.0;
  double rate = 1.0;
};

// Keeps the activation rate that `weights` predicts in [low, high]: a threshold that would open
// fewer tokens becomes the one that opens `low`, one that would open more becomes the one that
// opens `high`. With no weight at all it lets the threshold pass. Pure.
//
// The prediction takes scores as spread inside a bin. Where they are all alike (an untrained
// uncertainty head) it promises tokens and none open: then `observed` opened less than `low`
// although the prediction for its threshold was more, and a threshold in that same bin falls to the
// bin's lower edge, which opens all of it. Without this a run whose gate opens nothing would never
// train, and never leave that state.
Guarded Guard(double threshold, const ScoreWeights& weights, double low, double high,
              const Observed& observed = {});

}  // namespace sluice::sidecar
